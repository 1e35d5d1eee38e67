"""The shell in which the commands of the documents are run, and the marks before them."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support.command_blocks import blocks_of
from support.page_session import PageSession, is_running
from support.sinks import HttpSink


@pytest.fixture
async def slack() -> AsyncIterator[HttpSink]:
    async with HttpSink() as slack:
        yield slack


async def play(folder: Path, slack: HttpSink, text: str) -> None:
    page = folder / "page.md"
    page.write_text(text)
    (reader := folder / "reader").mkdir()
    async with PageSession("page.md", reader, {}, slack) as session:
        for block in blocks_of(page):
            await session.play(block)


@pytest.mark.parametrize(
    "text",
    [
        "```sh\nexport NAME=value\ncd ..\n```\ntext\n```sh\ntest $NAME = value && test -d reader\n```\n",
        "<!-- exit: 3 -->\n```sh\n(exit 3)\n```\n",
        "<!-- not run: it fails -->\n```sh\nfalse\n```\n",
        "<!-- file: rules/a.yaml -->\n```yaml\nrules: []\n```\n```sh\ngrep rules rules/a.yaml\n```\n",
        "```sh\necho one; echo 2 two\n```\n<!-- prints -->\n```text\none\n… two\n```\n",
        "1. item\n\n   <!-- exit: 1 -->\n   ```sh\n   false\n   ```\n",
        "```console\n$ echo one\n```\n",
        "```sh\ncat   # nothing is typed\n```\n",
    ],
)
async def test_a_page_that_is_right_passes(tmp_path: Path, slack: HttpSink, text: str) -> None:
    await play(tmp_path, slack, text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("```sh\nfalse\ntrue\n```\n", "page.md:1 failed(.|\n)*1: false"),
        ("\n```sh\necho why >&2; exit 2\n```\n", "page.md: the shell has ended:\nwhy"),
        ("<!-- exit: 1 -->\n```sh\ntrue\n```\n", "page.md:2 failed"),
        ("```sh\nmissing-command\n```\n", "127: missing-command"),
        ("```sh\nsudo true\n```\n", "mark the block: a test does not run sudo"),
        ("```sh\necho two\n```\n<!-- prints -->\n```text\none\n```\n", "page.md:5 has not printed"),
        (
            "<!-- background: ready -->\n```sh\necho started\n```\n",
            "page.md:2 lacks 'ready':\nstarted",
        ),
    ],
)
async def test_a_page_that_is_wrong_fails_where_it_is(
    tmp_path: Path, slack: HttpSink, text: str, message: str
) -> None:
    with pytest.raises(AssertionError, match=message):
        await play(tmp_path, slack, text)


async def test_what_is_in_the_background_ends_with_the_page(
    tmp_path: Path, slack: HttpSink
) -> None:
    text = "<!-- background: ready -->\n```sh\necho ready $$ | tee pid; sleep 600\n```\n"

    await play(tmp_path, slack, text)

    assert not is_running(int((tmp_path / "reader" / "pid").read_text().split()[1]))


async def test_a_block_can_wait_for_what_is_in_the_background(
    tmp_path: Path, slack: HttpSink
) -> None:
    text = (
        "<!-- background: begun -->\n"
        "```sh\n"
        "echo begun; until test -e a.yaml; do sleep 0.01; done; sleep 0.1; touch b; echo read; sleep 600\n"
        "```\n"
        "<!-- file: a.yaml -->\n"
        "```yaml\nrules: []\n```\n"
        "<!-- after: read -->\n"
        "```sh\ntest -e b\n```\n"
    )
    await play(tmp_path, slack, text)


async def test_a_webhook_of_slack_leads_to_the_receiver_of_the_test(
    tmp_path: Path, slack: HttpSink
) -> None:
    script = "url=https://hooks.slack.com/services/T/B/X\ncurl --silent --data alert $url"

    await play(tmp_path, slack, f"<!-- slack gets: alert -->\n```sh\n{script}\n```\n")

    assert [request.body for request in slack.requests] == [b"alert"]


def test_a_mark_with_a_typing_error_is_an_error(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("<!-- not-run: reason -->\n```sh\nfalse\n```\n")

    with pytest.raises(ValueError, match=r"page\.md:2: no mark is called 'not-run'"):
        blocks_of(page)
