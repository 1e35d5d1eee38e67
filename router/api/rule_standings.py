"""The state of rules as Redis has it now, read without a change: for explanations."""

from collections.abc import Sequence

from router.api.alert_views import alert_view, state_text
from router.destinations.rendering.summary import rfc3339
from router.journal.connection import Connection
from router.journal.keyed_alerts import KeyedAlert, KeyedAlerts
from router.journal.standing import standing
from router.offline.rule_states import AlertStanding, RuleStanding, StateQuestion
from router.timestamps import utc_minute


async def rule_standings(
    connection: Connection, questions: Sequence[StateQuestion], now: float
) -> dict[str, RuleStanding]:
    """Return the state of each rule, by its name; ``now`` is Unix time in seconds.

    Raises JournalUnavailableError.
    """
    return {each.rule: await _standing_of(connection, each, now) for each in questions}


async def _standing_of(connection: Connection, question: StateQuestion, now: float) -> RuleStanding:
    figures = await standing(connection, question.steps)
    return RuleStanding(
        figures=tuple(each.text for each in figures if each is not None),
        alert=await _alert_of(connection, question.alert_key, now),
    )


async def _alert_of(connection: Connection, key: str, now: float) -> AlertStanding | None:
    found = await KeyedAlerts(connection).get(key)
    if found is None:
        return None
    view = alert_view(found, now)
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
