"""What INFO says about the durability of a Redis, also of services that leave fields out."""

from typing import Any

import pytest

from router.journal.redis_health import durability_problems

SOUND = {"redis_version": "7.2.4", "maxmemory_policy": "noeviction", "aof_enabled": "1"}


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({}, None),
        ({"maxmemory_policy": "volatile-lru"}, "maxmemory-policy is volatile-lru, which evicts"),
        ({"aof_enabled": "0"}, "appendonly is no, so a restart loses events: set it to yes"),
        ({"aof_enabled": None}, "INFO does not say whether appendonly is on"),
        ({"redis_version": "6.0.14"}, "Redis 6.0.14 is too old: 7.0 or later is needed"),
        ({"redis_version": None}, "Redis 0 is too old"),
    ],
)
def test_a_problem_is_named(change: dict[str, Any], problem: str | None) -> None:
    """Mutant seen to fail: a field that is missing counts as 0."""
    info = {name: value for name, value in {**SOUND, **change}.items() if value is not None}
    found = durability_problems(info)

    assert len(found) == (problem is not None)
    assert problem is None or found[0].startswith(problem)
