"""The facts about this machine."""

from pathlib import Path

import msgspec
from support.running import running, settings_for, worker_of
from support.sinks import HttpSink

from router.datatypes import Secret
from router.doctor import machine_facts
from router.doctor.machine_facts import read_machine_facts
from router.runtime.roles import Roles


async def test_a_running_router_tells_its_rules_and_another_program_is_none(
    redis_url: Secret, tmp_path: Path
) -> None:
    (tmp_path / "rules.yaml").write_text("rules: []\n")
    settings = settings_for(redis_url, durability="relaxed")
    roles = Roles(port=0, ingress=True, worker=worker_of(tmp_path, settings))
    async with running(settings, roles) as router, HttpSink() as other:
        settings = msgspec.structs.replace(
            settings, port=router.address.port, worker_port=other.port
        )
        facts = await read_machine_facts(settings, tmp_path)

    mine, others = facts.ports
    assert (mine.is_router, mine.not_ready) == (True, "")
    assert (others.is_router, others.bind_error) == (False, "it is in use")
    assert facts.free_bytes > 0


def test_the_limit_of_a_container_is_that_of_the_first_file(tmp_path: Path) -> None:
    v2, v1 = tmp_path / "memory.max", tmp_path / "limit_in_bytes"
    v1.write_text("1000000\n")

    assert machine_facts._memory_limit([v2, v1]) == 1_000_000
    v2.write_text("max\n")
    v1.write_text("9223372036854771712\n")
    assert machine_facts._memory_limit([v2, v1]) is None
