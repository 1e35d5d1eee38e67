"""``router quarantine``: events that could not be decoded or evaluated."""

import os
from collections.abc import Sequence

import click

from router.api.records import RecordCollection
from router.api.views import QuarantineDetails, quarantine_details, quarantine_view
from router.cli.output import as_json, echo
from router.cli.records import RecordKind, record_group
from router.cli.redis_commands import CLOCK
from router.cli.rules_folder import folder_or_default, load_rules
from router.errors import RulesError
from router.journal.audit import Audited
from router.journal.connection import Connection
from router.journal.pagination import TimeRange
from router.journal.quarantine import QuarantineFilter, QuarantineRecord
from router.runtime.build_api import build_quarantine
from router.settings.model import Settings
from router.sources.spec import SourceSpec


async def _collections(
    connection: Connection, _name: str
) -> dict[str, RecordCollection[QuarantineRecord, QuarantineFilter]]:
    return {"": build_quarantine(Settings.read(os.environ), connection, CLOCK, _sources)}


def _sources() -> Sequence[SourceSpec]:
    """Return the sources of the rules folder, whose secrets are not needed; none if it has errors."""
    try:
        return load_rules(folder_or_default(None)).sources
    except RulesError as error:
        echo(f"no request of a source is replayed: {error.diagnostics[0]}", err=True)
        return ()


def _filter(ids: tuple[str, ...], times: TimeRange, reason: str) -> QuarantineFilter:
    return QuarantineFilter(ids=ids, span=times, reason=reason)


def _row(record: QuarantineRecord) -> tuple[str, ...]:
    view = quarantine_view(record)
    return (
        view.received_at[:19],
        view.id,
        str(view.size_bytes),
        "yes" if view.can_be_replayed else "no",
        f"{view.path}: {view.reason}" if view.path else view.reason,
    )


def _text(details: QuarantineDetails) -> str:
    view = details.item
    path = f" (at {view.path})" if view.path else ""
    body = details.body if isinstance(details.body, str) else as_json(details.body)
    return f"received  {view.received_at}\nreason    {view.reason}{path}\n\n{body}"


quarantine: click.Group = record_group(
    RecordKind(
        name="quarantine",
        summary=(
            "List, show, replay and discard unreadable events.\n\n"
            "An event goes to quarantine when it is not a CloudEvent, or when its evaluation fails."
            " The quarantine is read from the Redis at ROUTER_REDIS_URL."
        ),
        noun="quarantined event",
        plural="quarantined events",
        json_name="quarantine",
        audited=Audited.QUARANTINE,
        replay=(
            "Accept quarantined events again.\n\n"
            "They are decoded and evaluated as new events. An event that is still invalid stays."
        ),
        not_replayed="still not a CloudEvent, or not in quarantine",
        options=(),
        headings=("RECEIVED", "ID", "BYTES", "REPLAY", "REASON"),
        collections=_collections,
        filter=_filter,
        view=quarantine_view,
        row=_row,
        details=quarantine_details,
        text=_text,
    )
)
