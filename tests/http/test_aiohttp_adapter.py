"""Each name that aiohttp does not promise may go: the server still serves, after one warning."""

import asyncio
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from router.http import aiohttp_adapter

TESTS = Path(__file__).parents[1]
SERVE = "import sys; sys.path.insert(0, sys.argv.pop(1)); from support.renamed_server import main; main()"


Serve = Callable[[dict[str, str]], Any]
"""What a server answers and logs on an aiohttp whose source has each pattern replaced."""


@pytest.fixture(scope="module")
def serve_with() -> Iterator[Serve]:
    # A pipe and not a file for its errors would have to be read meanwhile.
    with (
        tempfile.TemporaryFile("w+") as errors,
        subprocess.Popen(  # noqa: S603 - our own interpreter and text
            [sys.executable, "-W", "error", "-c", SERVE, str(TESTS)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as process,
    ):
        assert process.stdin
        assert process.stdout
        questions, answers = process.stdin, process.stdout

        def ask(names: dict[str, str]) -> Any:
            questions.write(json.dumps(names) + "\n")
            questions.flush()
            if answer := answers.readline():
                return json.loads(answer)
            errors.seek(0)
            raise AssertionError(errors.read())

        yield ask
        questions.close()


@pytest.mark.parametrize(
    ("pattern", "missing"),
    [
        (r"\bRequestHandler\b", {aiohttp_adapter.CONNECTION}),
        (r"\b_request_count\b", {aiohttp_adapter.HEAD_COUNT}),
        (r"\b_waiter\b", {aiohttp_adapter.HEAD_WAITER}),
        (r"\b_reading_paused\b", {aiohttp_adapter.READING_PAUSED}),
        (r"\b_max_msg_queue_size\b", {aiohttp_adapter.PIPELINE_LIMIT}),
        (r"\b_messages\b", {aiohttp_adapter.MESSAGES}),
        (r"\brequest_factory\b", {aiohttp_adapter.REQUEST_FACTORY}),
        (r"\bresume_reading\b", {aiohttp_adapter.RESUME_READING}),
        (r"\bhandle_error\b", {aiohttp_adapter.HANDLE_ERROR}),
        (r"\boutput_size\b", {aiohttp_adapter.OUTPUT_SIZE}),
        (
            r"(?<=\bself\.)request_handler\b|(?<=manager\.)request_handler\b",
            {aiohttp_adapter.SERVER_HANDLER},
        ),
    ],
)
def test_without_a_name_the_server_serves_after_one_warning(
    serve_with: Serve, pattern: str, missing: set[str]
) -> None:
    shown = serve_with({pattern: "renamed_by_the_test"})

    assert shown["served"].count("HTTP/1.1 200 OK") == 2
    assert shown["served"].endswith("world")
    assert shown["malformed"].startswith("HTTP/1.1 400 ") or shown["malformed"].startswith(
        "HTTP/1.0 400 "
    )
    warnings = [line["missing"] for line in shown["log"] if line["missing"]]
    assert [set(warning.split(", ")) for warning in warnings] == [missing]


def test_with_all_names_there_is_no_warning_and_malformed_http_is_answered_in_json(
    serve_with: Serve,
) -> None:
    shown = serve_with({})

    assert shown["served"].endswith("world")
    assert '"code":"bad_http"' in shown["malformed"]
    assert [line["message"] for line in shown["log"]] == ["malformed HTTP rejected"]


async def test_a_name_with_another_meaning_is_missing_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aiohttp_adapter.ServerConnection, "head_count", 0)
    monkeypatch.setattr(aiohttp_adapter.ServerConnection, "is_awaiting_head", False)

    async def handle(_request: web.BaseRequest) -> web.Response:
        return web.Response()

    missing = await aiohttp_adapter.missing_names(web.Server(handle))

    assert missing == {aiohttp_adapter.HEAD_COUNT, aiohttp_adapter.HEAD_WAITER}


async def test_a_connection_awaits_its_first_head_from_the_beginning() -> None:
    """Revert: a head whose first bytes came before aiohttp's task began had no deadline."""
    server = web.Server(lambda _: web.Response())  # type: ignore[arg-type,return-value]
    connection = aiohttp_adapter.ServerConnection(server, loop=asyncio.get_running_loop())

    assert connection.is_awaiting_head


async def test_what_follows_malformed_bytes_is_not_parsed() -> None:
    server = web.Server(lambda _: web.Response())  # type: ignore[arg-type,return-value]
    connection = aiohttp_adapter.ServerConnection(server, loop=asyncio.get_running_loop())

    connection.data_received(b"\x01")
    connection.data_received(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")

    assert connection.head_count == 1
