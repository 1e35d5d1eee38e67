"""``router dead-letters``: deliveries that were given up."""

import click

from router.api.dead_letters import DestinationDeadLetters
from router.api.records import RecordCollection
from router.api.views import DeadLetterDetails, dead_letter_details, dead_letter_view
from router.cli.completion import complete_destination, complete_rule
from router.cli.known_names import check_destination, check_rule
from router.cli.output import as_json
from router.cli.records import RecordKind, record_group
from router.cli.redis_commands import CLOCK
from router.journal.audit import Audited
from router.journal.connection import Connection
from router.journal.dead_letters import DeadLetterFilter, DeadLetters
from router.journal.pagination import TimeRange
from router.journal.settlements import DeadLetter


async def _collections(
    connection: Connection, destination: str
) -> dict[str, RecordCollection[DeadLetter, DeadLetterFilter]]:
    letters = DeadLetters(connection, CLOCK)
    if destination:
        await check_destination(connection, destination)
    names = [destination] if destination else await letters.destinations()
    return {name: DestinationDeadLetters(letters, name) for name in names}


def _filter(ids: tuple[str, ...], times: TimeRange, reason: str, rule: str) -> DeadLetterFilter:
    return DeadLetterFilter(ids=ids, span=times, reason=reason, rule=rule)


def _check_filters(*, rule: str, **_: str) -> None:
    if rule:
        check_rule(rule)


def _row(letter: DeadLetter) -> tuple[str, ...]:
    view = dead_letter_view(letter)
    return (
        view.died_at[:19],
        view.id,
        view.destination,
        view.rule,
        str(view.attempts),
        view.reason,
    )


def _text(details: DeadLetterDetails) -> str:
    view = details.letter
    fields = (
        ("delivery", view.id),
        ("destination", view.destination),
        ("rule", f"{view.rule} ({view.severity})"),
        ("event", f"{view.event} ({view.event_type})"),
        ("died", view.died_at),
        ("reason", view.reason),
        ("replay of", f"{details.replay_of}, no. {view.replays}" if details.replay_of else ""),
    )
    lines = [f"{label:<12} {value}" for label, value in fields if value]
    for attempt in details.attempts:
        lines += [
            "",
            f"attempt {attempt.number} at {attempt.at}, {attempt.seconds:.3f} s: {attempt.reason}",
        ]
        if attempt.response:
            lines.append(f"  response: {attempt.response}")
    return "\n".join([*lines, "", as_json(details.event)])


dead_letters: click.Group = record_group(
    RecordKind(
        name="dead-letters",
        summary=(
            "List, show, replay and discard failed deliveries.\n\n"
            "A delivery becomes a dead letter when its destination rejects it, or when its last"
            " attempt fails. Dead letters are read from the Redis at ROUTER_REDIS_URL."
        ),
        noun="dead letter",
        plural="dead letters",
        json_name="dead_letters",
        audited=Audited.DEAD_LETTERS,
        replay=(
            "Deliver dead letters again under new ids.\n\n"
            "They enter the queues of their destinations, so that rate limits and circuit breakers"
            " apply. A delivery that fails again meanwhile is not replayed twice. After an"
            " interruption, run the same command again."
        ),
        not_replayed="there is no such dead letter",
        options=(
            click.Option(
                ["--destination"],
                default="",
                shell_complete=complete_destination,
                help="Name of the destination.",
            ),
            click.Option(
                ["--rule"], default="", shell_complete=complete_rule, help="Name of the rule."
            ),
        ),
        headings=("DIED", "ID", "DESTINATION", "RULE", "ATTEMPTS", "REASON"),
        collections=_collections,
        filter=_filter,
        check_filters=_check_filters,
        view=dead_letter_view,
        row=_row,
        details=dead_letter_details,
        text=_text,
    )
)
