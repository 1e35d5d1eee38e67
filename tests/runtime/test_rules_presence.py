"""A process records its rules while it runs, and those that a reload brings."""

import socket
from pathlib import Path

import aiohttp
import pytest
from support.running import running, settings_for, worker_of
from support.waiting import until

from router.clock import Clock
from router.datatypes import Secret
from router.journal.connection import Connection
from router.journal.rules_in_use import RulesInUse, RulesInUseRecord
from router.runtime import rules_presence
from router.runtime.roles import Roles


async def test_a_reload_is_recorded_in_place_of_the_rules_before(
    redis_url: Secret,
    connection: Connection,
    clock: Clock,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Mutant seen to fail: recorded at the start only."""
    monkeypatch.setattr(rules_presence, "_CHECK_SECONDS", 0.02)
    (tmp_path / "rules.yaml").write_text("rules: []\n")
    settings = settings_for(redis_url, durability="relaxed")
    roles = Roles(port=0, ingress=True, worker=worker_of(tmp_path, settings))
    stored = RulesInUseRecord(connection, clock)
    async with running(settings, roles) as router, aiohttp.ClientSession() as http:
        first = (await until(stored.read))[0]
        (tmp_path / "rules.yaml").write_text("rules: []\n# changed\n")

        async def reloaded() -> str:
            async with http.get(f"{router.url}/readyz") as response:
                generation: str = (await response.json())["rules"]["generation"]
            return "" if generation == first.generation else generation

        generation = await until(reloaded)

        async def recorded() -> bool:
            return list(await stored.read()) == [
                RulesInUse(generation=generation, host=socket.gethostname())
            ]

        await until(recorded)

    assert first.host == socket.gethostname()
