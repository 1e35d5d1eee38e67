"""The generated pages of the reference are those that the code gives: what exists is documented."""

import re

import pytest
from support.keys_page import keys_page
from support.reference_pages import GENERATED, ROOT


@pytest.mark.parametrize("path", GENERATED)
def test_a_generated_page_is_what_the_code_gives(path: str) -> None:
    assert (ROOT / path).read_text("utf-8") == GENERATED[path](), "run `make reference`"


def test_each_key_of_the_rules_folder_has_a_type_and_a_meaning() -> None:
    """Mutant seen to fail: an option without a docstring."""
    rows = [
        [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        for line in keys_page().splitlines()
        if line.startswith("| `")
    ]

    assert [row for row in rows if len(row) == 4 and not (row[1] and row[3])] == []
    assert len(rows) > 200
