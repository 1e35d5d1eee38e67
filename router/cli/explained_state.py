"""Reads from Redis what rules have stored, for ``router explain``. Writes nothing."""

from collections.abc import Sequence
from typing import Final

from router.api.alert_views import alert_view, state_text
from router.cli.redis_commands import CLOCK, with_redis
from router.destinations.rendering.summary import rfc3339
from router.journal.connection import Connection
from router.journal.keyed_alerts import KeyedAlert, KeyedAlerts
from router.journal.standing import standing
from router.offline.rule_states import AlertStanding, RuleStanding, StateQuestion
from router.timestamps import utc_minute

_SECONDS: Final = 3.0
"""The time in which Redis must reply."""


def read_standings(questions: Sequence[StateQuestion]) -> dict[str, RuleStanding]:
    """Return the state of each rule, by its name.

    Raises:
        ConfigurationError: Redis is unavailable.
    """

    async def read(connection: Connection) -> dict[str, RuleStanding]:
        return {each.rule: await _standing_of(connection, each) for each in questions}

    return with_redis(read, deadline=_SECONDS)


async def _standing_of(connection: Connection, question: StateQuestion) -> RuleStanding:
    figures = await standing(connection, question.steps)
    return RuleStanding(
        figures=tuple(each.text for each in figures if each is not None),
        alert=await _alert_of(connection, question.alert_key),
    )


async def _alert_of(connection: Connection, key: str) -> AlertStanding | None:
    found = await KeyedAlerts(connection).get(key)
    if found is None:
        return None
    view = alert_view(found, CLOCK.now())
    told = found.record.told if isinstance(found, KeyedAlert) else {}
    return AlertStanding(
        key=view.key,
        state=state_text(view),
        since=view.since,
        told=tuple(
            f"{name}: {each.status} {utc_minute(rfc3339(each.at / 1000))}"
            for name, each in sorted(told.items())
        ),
    )
