"""The playground in its own process: no environment, no files, no network, and an end in any case."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from router.api import playground_pool
from router.api.access import Access
from router.api.playground import Playground, PlaygroundApi
from router.api.playground_pool import PlaygroundPool, PlaygroundTimeoutError
from router.clock import Clock
from router.datatypes import Secret
from router.offline.playground import PlaygroundInput, PlaygroundResult
from router.settings.model import Settings
from router.settings.tokens import Tokens

RULES: Final = 'rules:\n  - {name: a, events: ["*"], severity: info, send_to: [x]}\n'
EVENT: Final = '{"specversion": "1.0", "id": "1", "source": "test", "type": "com.example.call"}'
NO_FILE: Final = "ca: the file cannot be read: the playground reads no files"


def destination(place: str) -> str:
    return f'destinations:\n  x: {{http: {{url: "{place}"}}}}\n{RULES}'


@pytest.fixture
async def pool() -> AsyncIterator[PlaygroundPool]:
    pool = PlaygroundPool(None)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(pool.run())
        yield pool
        running.cancel()


async def test_a_text_reaches_no_file_and_no_variable(
    pool: PlaygroundPool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_URL", "https://secret.example.com/")

    async def tried(rules: str) -> PlaygroundResult:
        return await pool.evaluate(PlaygroundInput(rules=rules, event=EVENT), now=1.7e9)

    result = await tried(destination("${SECRET_URL}"))
    assert result.unset == {"x": ("SECRET_URL",)}
    assert result.explanation is not None
    assert result.explanation.rules[0].sendings[0].destination == "x"
    (tmp_path / "there.pem").write_text("")
    for path in (tmp_path / "there.pem", tmp_path / "absent.pem", os.devnull):
        text = destination(f'https://a.example/", tls: {{ca: "{path}"}}, method: "POST')
        [finding] = (await tried(text)).findings
        assert finding.message == NO_FILE
    pool._free[0]._process.kill()  # by the kernel, because memory is short
    assert (await tried(RULES)).findings
    monkeypatch.setattr(playground_pool, "EVALUATION_SECONDS", 0.0)
    with pytest.raises(PlaygroundTimeoutError):
        await tried(RULES)


async def test_more_evaluations_than_may_run_at_once_are_told_to_come_again(
    pool: PlaygroundPool, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(playground_pool, "_PATIENCE", 0.0)
    for _ in range(playground_pool.PROCESSES):
        await pool._slots.acquire()
    application = web.Application()
    access = Access(Settings(viewer_token=Tokens.of(Secret("token"))))
    application.add_routes(PlaygroundApi(Playground(pool, clock), access).routes())
    headers = {"Authorization": "Bearer token"}
    async with (
        TestClient(TestServer(application), headers=headers) as client,
        client.post("/api/v1/playground", json={"rules": RULES}) as busy,
        client.post("/api/v1/playground", json={"rules": " " * 70_000}) as large,
    ):
        assert (busy.status, busy.headers["Retry-After"]) == (429, "2")
        assert (large.status, (await large.json())["error"]["path"]) == (413, "$.rules")
