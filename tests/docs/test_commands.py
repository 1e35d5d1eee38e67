"""What the documents tell a reader to type is understood, and on the pages of tasks it is run as written.

``support/command_blocks.py`` has the marks before a block that say how it is run, or why it is not.
"""

import os
import re
import shutil
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Final

import pytest
from support.command_blocks import Block, begins_empty, blocks_of, programs_of
from support.command_lines import fault_of, router_lines
from support.document_figures import count
from support.page_session import PageSession, checkout, free_port
from support.router_program import router_program
from support.sinks import HttpSink
from support.site_hooks import DOCS, ROOT

from router.dev.dev_store import DevStore, stores_folder

PAGES: Final = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "deploy").rglob("*.md")),
    *sorted(DOCS.rglob("*.md")),
]
RUN: Final = [
    page
    for page in PAGES
    if page.relative_to(ROOT).parts[:1] in {("README.md",), ("deploy",)}
    or page.relative_to(ROOT).parts[:2]
    in {("docs", name) for name in ("start", "how-to", "operate")}
]
"""The pages of which each shell block is run, or says why not."""
_SPAN: Final = re.compile(r"(?<!`)`(?:\.venv/bin/)?(router [^`\n]+)`(?!`)")
"""A command within a sentence."""


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


each_page: Final = pytest.mark.parametrize("page", PAGES, ids=name_of)


@each_page
def test_router_has_each_command_and_option_that_a_page_names(
    page: Path, request: pytest.FixtureRequest
) -> None:
    blocks = [
        line for block in blocks_of(page) if block.is_shell for line in router_lines(block.text)
    ]
    spans = [line for span in _SPAN.findall(page.read_text("utf-8")) for line in router_lines(span)]
    count(request, "router commands parsed in shell blocks", len(blocks))
    count(request, "router commands parsed in sentences", len(spans))

    assert [fault for line in blocks if (fault := fault_of(line, is_whole=True))] == []
    assert [fault for line in spans if (fault := fault_of(line, is_whole=False))] == []


@each_page
def test_each_block_of_commands_is_marked_as_a_shell_s(page: Path) -> None:
    """A block of which no language is known is neither coloured nor run."""
    assert [
        block.line
        for block in blocks_of(page)
        if not block.language and re.match(r"(?:\$ )?(?:router|export|curl) ", block.text)
    ] == []


@pytest.fixture
async def slack() -> AsyncIterator[HttpSink]:
    async with HttpSink() as slack:
        yield slack


@pytest.fixture(scope="module")
def shared_dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The variables by which the commands of a page find one ``router dev``, which all pages share."""
    folder = tmp_path_factory.mktemp("shared") / "checkout"
    checkout(folder)
    environ = dev_variables(folder)
    log = folder / "dev.log"
    with (
        log.open("wb") as output,
        subprocess.Popen(  # noqa: S603 - the router itself
            [router_program(), "dev"],
            cwd=folder,
            env={"PATH": os.environ["PATH"], "HOME": str(folder), **environ},
            stdout=output,
            stderr=subprocess.STDOUT,
        ) as process,
    ):
        try:
            deadline = time.monotonic() + 60
            while "Running; Ctrl-C stops it" not in log.read_text("utf-8"):
                assert process.poll() is None, log.read_text("utf-8")
                assert time.monotonic() < deadline, log.read_text("utf-8")
                time.sleep(0.02)
            yield environ
        finally:
            process.terminate()


def dev_variables(folder: Path) -> dict[str, str]:
    return {"XDG_STATE_HOME": str(folder / "state"), "ROUTER_PORT": str(free_port())}


def beside(environ: dict[str, str], folder: Path) -> dict[str, str]:
    """Let the commands in a folder find the shared ``router dev``, as those in its own folder do."""
    stores = stores_folder(environ["XDG_STATE_HOME"], "")
    assert stores is not None
    shared = DevStore(stores, stores.parents[2] / "rules")
    DevStore(stores, folder / "rules").folder.symlink_to(shared.folder)
    return environ


def is_run(block: Block) -> bool:
    return block.is_shell and "not run" not in block.marks


@pytest.mark.server
@pytest.mark.timeout(180)
@pytest.mark.parametrize("page", RUN, ids=name_of)
async def test_the_commands_of_a_page_do_what_it_says(
    page: Path, request: pytest.FixtureRequest, slack: HttpSink, tmp_path: Path
) -> None:
    blocks = blocks_of(page)
    run = [block for block in blocks if is_run(block)]
    count(request, "commands run", sum(block.commands for block in run))
    count(
        request,
        "commands not run, for a reason that is on the page",
        sum(block.commands for block in blocks if "not run" in block.marks),
    )
    if not run:
        return
    if missing := [name for name in programs_of(page) if shutil.which(name) is None]:
        pytest.skip(f"{' and '.join(missing)} not installed")
    has_own = any("background" in block.marks for block in run) or begins_empty(page)
    folder = tmp_path / "reader"
    if begins_empty(page):
        folder.mkdir()
    else:
        checkout(folder)
    environ = (
        dev_variables(folder) if has_own else beside(request.getfixturevalue("shared_dev"), folder)
    )
    async with PageSession(name_of(page), folder, environ, slack) as session:
        for block in blocks:
            await session.play(block)


def test_a_block_that_is_not_run_has_a_reason() -> None:
    assert [
        f"{name_of(page)}:{block.line}"
        for page in PAGES
        for block in blocks_of(page)
        if block.marks.get("not run") == ""
    ] == []
