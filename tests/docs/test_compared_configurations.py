"""The files that docs/compare shows for two programs together are right in the router's half."""

from pathlib import Path
from typing import Final

import pytest
from click.testing import CliRunner
from support.command_blocks import Block, blocks_of
from support.site_hooks import DOCS

from router.cli import main

PAGES: Final = sorted((DOCS / "compare").glob("*.md"))
RULE: Final = """\
rules:
  - {name: any, events: [com.example.any], send_to: [sink], summary: any}
destinations:
  sink: {capture: {}}
"""


def configurations(page: Path) -> list[Block]:
    return [block for block in blocks_of(page) if block.language == "yaml"]


@pytest.mark.parametrize(
    "page", [page for page in PAGES if configurations(page)], ids=lambda page: page.stem
)
def test_router_check_accepts_what_a_page_configures(page: Path, tmp_path: Path) -> None:
    """Seen to fail for a verifier whose option is misspelt, and for a template that does not end."""
    (tmp_path / "any.yaml").write_text(RULE)
    for number, block in enumerate(configurations(page)):
        (tmp_path / f"{number}.yaml").write_text(block.text)

    checked = CliRunner().invoke(main, ["check", str(tmp_path)])

    assert (checked.exit_code, "nothing found" in checked.output) == (0, True), checked.output
