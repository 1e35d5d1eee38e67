"""The files of the code that the explanations and CONTRIBUTING.md name exist."""

import re
from pathlib import Path
from typing import Final

import pytest
from support.site_hooks import DOCS, ROOT

PAGES: Final = [
    ROOT / "CONTRIBUTING.md",
    ROOT / "tests" / "faults" / "README.md",
    *sorted((DOCS / "explanation").glob("*.md")),
]
_NAMED: Final = re.compile(r"`((?:[\w-]+/)+[\w-]+\.(?:py|lua|yaml|yml))`")
_EXAMPLES: Final = frozenset({"tests/a/test_b.py", "tests/a/test_b_topic.py", "router/a/b.py"})


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_each_file_that_a_page_names_exists(page: Path) -> None:
    named = {*_NAMED.findall(page.read_text("utf-8"))} - _EXAMPLES
    folders = [
        ROOT,
        ROOT / "router",
        ROOT / "tests",
        ROOT / "router" / "journal",
        ROOT / "router" / "rules",
    ]

    assert [
        name for name in sorted(named) if not any((each / name).exists() for each in folders)
    ] == []
