"""The examples of docs/reference/conditions.md have the values that the page says."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from support.conformance import identical

from router.cel import ERROR, ConditionError, compile_condition, compile_expression
from router.cel.functions import FUNCTIONS, MACROS

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "conditions.md").read_text()


def event() -> dict[str, Any]:
    found = re.search(r"```json\n(.*?)```", PAGE, re.DOTALL)
    assert found
    return dict(json.loads(found[1]))


def examples() -> list[tuple[str, str]]:
    """Return the rows of the tables of examples: an expression and its value."""
    rows = []
    for table in re.findall(
        r"^\| example \| value \| \|\n\|---.*\n((?:\|.*\n)+)", PAGE, re.MULTILINE
    ):
        for row in table.splitlines():
            example, gives, *_ = re.split(r"(?<!\\) \| ", row.removeprefix("| "))
            rows.append((unquoted(example), unquoted(gives)))
    return rows


def unquoted(cell: str) -> str:
    """Return the code of a cell, in one back quote or in two."""
    code = cell.replace("\\|", "|").strip()
    return code.strip("`").strip() if not code.startswith("``") else code[2:-2].strip()


def value(source: str) -> Any:
    try:
        return compile_expression(source).value(event())
    except ConditionError:
        return ERROR


@pytest.mark.parametrize(("example", "gives"), examples())
def test_an_example_gives_what_the_page_says(example: str, gives: str) -> None:
    assert identical(value(example), ERROR if gives == "error" else value(gives))


def test_there_is_an_example_for_every_function_and_macro() -> None:
    shown = "\n".join(example for example, _ in examples())

    lacking = [name for name in [*FUNCTIONS, *MACROS] if f"{name}(" not in shown]

    assert lacking == []
    assert len(examples()) > 100


def test_the_conditions_at_the_top_are_conditions() -> None:
    sources = [row.strip("'") for row in re.findall(r"^when: (.*)$", PAGE, re.MULTILINE)]

    assert len(sources) == 5
    assert all(compile_condition(source) for source in sources)
