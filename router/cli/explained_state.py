"""Reads from Redis what rules have stored, for ``router explain``. Writes nothing."""

from collections.abc import Sequence
from typing import Final

from router.api.rule_standings import rule_standings
from router.cli.redis_commands import CLOCK, with_redis
from router.offline.rule_states import RuleStanding, StateQuestion

_SECONDS: Final = 3.0
"""The time in which Redis must reply."""


def read_standings(questions: Sequence[StateQuestion]) -> dict[str, RuleStanding]:
    """Return the state of each rule, by its name.

    Raises:
        ConfigurationError: Redis is unavailable.
    """
    return with_redis(
        lambda connection: rule_standings(connection, questions, CLOCK.now()), deadline=_SECONDS
    )
