"""What the doctor says of this machine."""

import msgspec
import pytest

from router.doctor.doctor_check import Status
from router.doctor.machine_checks import MachineFacts, PortFacts, judge_machine
from router.settings.model import Settings

PORT = PortFacts(setting="ROUTER_PORT", host="127.0.0.1", port=8080)
WELL = MachineFacts(open_files=20_000, connections=4096, is_synchronised=True, ports=(PORT,))
SERVED = msgspec.structs.replace(PORT, bind_error="it is in use", is_router=True)


@pytest.mark.parametrize(
    ("changes", "name", "status"),
    [
        ({}, "", Status.OK),
        ({"open_files": 1024, "connections": 512}, "open files", Status.WARNING),
        ({"memory_limit": 1 << 30}, "", Status.OK),
        ({"memory_limit": 100 << 20}, "memory", Status.WARNING),
        ({"folder": "/data", "free_bytes": 50 << 20}, "disk", Status.PROBLEM),
        ({"folder": "/data", "free_bytes": 500 << 20}, "disk", Status.WARNING),
        ({"folder": "/data", "free_bytes": 5 << 30}, "", Status.OK),
        ({"is_synchronised": None}, "", Status.OK),
        ({"is_synchronised": False}, "clock", Status.WARNING),
        (
            {"ports": (msgspec.structs.replace(PORT, bind_error="it is in use"),)},
            "port",
            Status.PROBLEM,
        ),
        ({"ports": (SERVED,)}, "", Status.OK),
        (
            {"ports": (SERVED, msgspec.structs.replace(PORT, bind_error="it is in use"))},
            "port",
            Status.WARNING,
        ),
        (
            {"ports": (msgspec.structs.replace(SERVED, not_ready="Redis is away; look at it"),)},
            "port",
            Status.PROBLEM,
        ),
        (
            {"ports": (msgspec.structs.replace(SERVED, rules_error="a.yaml:1"),)},
            "rules in force",
            Status.WARNING,
        ),
    ],
)
def test_a_machine_is_judged(changes: dict[str, object], name: str, status: Status) -> None:
    checks = judge_machine(msgspec.structs.replace(WELL, **changes), Settings())
    wrong = [each for each in checks if each.status is not Status.OK]

    assert [(each.name, each.status) for each in wrong] == ([(name, status)] if name else [])
    assert all(each.fix for each in wrong)
