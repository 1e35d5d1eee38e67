"""The table of values in the chart's README, from its schema and its defaults."""

import functools
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import yaml

from support.helm import CHART

README: Final = CHART / "README.md"
_TABLE: Final = re.compile(r"(?<=<!-- values -->\n).*?(?=<!-- end of values -->)", re.DOTALL)


def schema() -> dict[str, Any]:
    """Return the schema of values."""
    found: dict[str, Any] = json.loads((CHART / "values.schema.json").read_text("utf-8"))
    return found


@functools.cache
def defaults() -> dict[str, Any]:
    """Return the default values."""
    found: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text("utf-8"))
    return found


def leaves(node: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the path and the schema of each value that has no named parts."""
    for name, child in node["properties"].items():
        if "properties" in child:
            yield from leaves(child, f"{path}{name}.")
        else:
            yield path + name, child


def default_of(path: str) -> Any:
    """Return the default of a value. Raise KeyError if there is none."""
    value: Any = defaults()
    for name in path.split("."):
        value = value[name]
    return value


def table() -> str:
    """Return the rows of the table in Markdown."""
    rows = ["| value | default | meaning |", "|---|---|---|"]
    for path, each in leaves(schema()):
        if path != "global":
            rows.append(f"| `{path}` | {_shown(default_of(path))} | {each['description']} |")
    return "\n".join(rows) + "\n"


def table_in(readme: str) -> str:
    """Return the table that a README has."""
    found = _TABLE.search(readme)
    assert found is not None
    return found[0]


def with_table(readme: str) -> str:
    """Return a README with the table of today."""
    return _TABLE.sub(lambda _: table(), readme)


def _shown(value: Any) -> str:
    return "" if value in ("", [], {}) else f"`{json.dumps(value)}`"
