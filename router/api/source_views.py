"""Each source of events: how it is verified, what came of its requests, and whether that is well."""

import enum
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from router.api.views import Time
from router.configuration.readers.sources import preset_parts
from router.datatypes import Rate
from router.destinations.rendering.summary import rfc3339
from router.ingress.source_record import UNKNOWN
from router.journal.source_log import RefusedRequest, SourceCounts
from router.settings.choices import EventsOpen
from router.settings.model import Settings
from router.sources.spec import PREFIX, SourceSpec

KINESIS: Final = "kinesis"
SHOWN_WITH_REQUESTS: Final = (None, f"{PREFIX}…")
"""The paths of sources that are listed only if something has come."""
_SPANS: Final[Mapping[float, str]] = {1.0: "s", 60.0: "m", 3600.0: "h"}
_OPEN: Final = "verify: none: anyone who reaches the path can send events"


class SourceState(enum.StrEnum):
    """The state of a source in one word."""

    FINE = "fine"
    """Requests are accepted."""
    NEVER_RECEIVED = "never received"
    """No request has come in 30 days."""
    REFUSING = "refusing"
    """In the last hour no fewer requests were refused than events accepted; or none was ever accepted."""
    CLOSED = "closed"
    """All requests are refused, because a secret is not set."""


class RefusalView(msgspec.Struct, frozen=True, kw_only=True):
    """A request that was refused."""

    at: Time
    status: int
    code: Annotated[str, Meta(description="A stable word for programs.")]
    reason: Annotated[str, Meta(description="The sentence that the sender got.")]
    hint: Annotated[
        str, Meta(description="What is probably wrong; only operators and viewers see it.")
    ]
    client: Annotated[str, Meta(description="Address of the sender, behind the trusted proxies.")]
    method: str
    path: Annotated[str, Meta(description="Without its query.")]


class SourceView(msgspec.Struct, frozen=True, kw_only=True):
    """A source in a list. Counts are those of all processes, and a second late."""

    name: str
    built_in: Annotated[bool, Meta(description="Whether every router has it.")]
    path: Annotated[str | None, Meta(description="Null for a stream.")]
    url: Annotated[
        str | None, Meta(description="The path at ROUTER_PUBLIC_URL; null if that is not set.")
    ]
    preset: str | None
    docs: Annotated[str | None, Meta(description="The page of the preset's sender.")]
    verified_by: Annotated[
        list[str] | None,
        Meta(description="Names of its verifiers; null if this process receives no requests."),
    ]
    rate: Annotated[str | None, Meta(description="Events that it may send, such as 100/s.")]
    events_per_request: int | None
    missing_variables: Annotated[
        list[str], Meta(description="Variables without a value, because of which it is closed.")
    ]
    warnings: list[str]
    state: SourceState
    accepted: Annotated[int, Meta(description="Events.")]
    quarantined: Annotated[int, Meta(description="Items that became no events.")]
    skipped: Annotated[int, Meta(description="Items and handshakes that need no event.")]
    refused: Annotated[int, Meta(description="Requests.")]
    since: Annotated[
        Time | None, Meta(description="Since when it is counted; null without a request.")
    ]
    accepted_last_hour: int
    refused_last_hour: int
    last_accepted_at: Time | None
    last_refusal: RefusalView | None


class SourceDetails(SourceView, frozen=True, kw_only=True):
    """A source with its mapping and its latest refusals."""

    mapping: Annotated[
        dict[str, str], Meta(description="The expressions that make events, by their keys.")
    ]
    replies: Annotated[
        list[str], Meta(description="Conditions of handshakes, which become no events.")
    ]
    refusals: Annotated[list[RefusalView], Meta(description="Newest first; at most 100.")]


class KnownSource(msgspec.Struct, frozen=True, kw_only=True):
    """A source as this process knows it."""

    name: str
    path: str | None
    built_in: bool = True
    spec: SourceSpec | None = None
    verified_by: list[str] | None = None
    missing: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


class SourceActivity(msgspec.Struct, frozen=True, kw_only=True):
    """The latest of a source."""

    counts: SourceCounts = SourceCounts()
    accepted_last_hour: int = 0
    refused_last_hour: int = 0
    refusals: Sequence[RefusedRequest] = ()


def known_sources(
    settings: Settings, of_folder: Iterable[SourceSpec], *, receives: bool
) -> list[KnownSource]:
    """Return all sources as a process knows them: those of the rules folder by name first (pure)."""
    own = sorted(of_folder, key=lambda each: each.name)
    return [
        *(known_source(each, receives=receives) for each in own),
        *built_in(settings, receives=receives),
    ]


def views_without_counts(settings: Settings, of_folder: Iterable[SourceSpec]) -> list[SourceView]:
    """Return all sources that have a path, without what came of their requests (pure)."""
    return [
        source_view(each, SourceActivity(), settings.public_url.rstrip("/"))
        for each in known_sources(settings, of_folder, receives=False)
        if each.path not in SHOWN_WITH_REQUESTS
    ]


def known_source(spec: SourceSpec, *, receives: bool) -> KnownSource:
    """Return a source of the rules folder as a process knows it (pure)."""
    return KnownSource(
        name=spec.name,
        path=spec.path,
        built_in=False,
        spec=spec,
        verified_by=list(spec.verify),
        # Elsewhere the variables of its secrets need not be set.
        missing=spec.missing_variables if receives else (),
        warnings=() if spec.verify else (_OPEN,),
    )


def built_in(settings: Settings, *, receives: bool) -> list[KnownSource]:
    """Return the sources that every router has, as a process knows them (pure)."""
    twilio, events = _twilio(settings), _events(settings)
    if not receives:  # their secrets are set where requests come in
        twilio, events = (KnownSource(name=each.name, path=each.path) for each in (twilio, events))
    return [
        twilio,
        events,
        KnownSource(name=KINESIS, path=None),
        KnownSource(name=UNKNOWN, path=f"{PREFIX}…"),
    ]


def _twilio(settings: Settings) -> KnownSource:
    ways = {
        "signature": settings.twilio_auth_tokens,
        "basic": settings.twilio_basic_auth,
        "networks": settings.twilio_addresses,
    }
    is_closed = not (settings.twilio_auth_tokens or settings.twilio_basic_auth)
    return KnownSource(
        name="twilio",
        path="/twilio",
        verified_by=[name for name, given in ways.items() if given],
        missing=("ROUTER_TWILIO_AUTH_TOKENS",) if is_closed else (),
    )


def _events(settings: Settings) -> KnownSource:
    is_open = settings.events_open is not EventsOpen.NO
    has_token = bool(settings.events_token)
    return KnownSource(
        name="events",
        path="/events",
        verified_by=["bearer"] if has_token else [],
        missing=() if is_open or has_token else ("ROUTER_EVENTS_TOKEN",),
        warnings=("ROUTER_EVENTS_OPEN: anyone who reaches the path can send events",)
        if is_open
        else (),
    )


def state_of(known: KnownSource, activity: SourceActivity) -> SourceState:
    """Return the state of a source (pure)."""
    if known.missing:
        return SourceState.CLOSED
    counts = activity.counts
    if counts.last_accepted_at is None and counts.last_refused_at is None:
        return SourceState.NEVER_RECEIVED
    refused = activity.refused_last_hour
    if counts.last_accepted_at is None or (refused and refused >= activity.accepted_last_hour):
        return SourceState.REFUSING
    return SourceState.FINE


def source_view(known: KnownSource, activity: SourceActivity, public_url: str) -> SourceView:
    """Return a source as it is listed (pure)."""
    return SourceView(**_fields(known, activity, public_url))


def source_details(known: KnownSource, activity: SourceActivity, public_url: str) -> SourceDetails:
    """Return a source with its mapping and refusals (pure)."""
    return SourceDetails(
        **_fields(known, activity, public_url),
        mapping={} if known.spec is None else mapping_of(known.spec),
        replies=[] if known.spec is None else [each.when.source for each in known.spec.replies],
        refusals=[refusal_view(each) for each in activity.refusals],
    )


def mapping_of(spec: SourceSpec) -> dict[str, str]:
    """Return the expressions of a source that make its events, by their keys (pure)."""
    event = spec.event
    found = {
        "split": spec.split,
        "skip": spec.skip,
        **{name: getattr(event, name) for name in event.__struct_fields__ if name != "extensions"},
        **event.extensions,
    }
    return {name: each.source for name, each in found.items() if each is not None}


def refusal_view(refusal: RefusedRequest) -> RefusalView:
    """Return a refusal as it is shown (pure)."""
    return RefusalView(
        at=rfc3339(refusal.at),
        status=refusal.status,
        code=refusal.code,
        reason=refusal.reason,
        hint=refusal.hint,
        client=refusal.client,
        method=refusal.method,
        path=refusal.path,
    )


def rate_text(rate: Rate | None) -> str | None:
    """Return a rate as one writes it, such as ``100/s`` (pure)."""
    if rate is None:
        return None
    return f"{rate.limit}/{_SPANS.get(float(rate.per), f'{rate.per:g}s')}"


def _fields(known: KnownSource, activity: SourceActivity, public_url: str) -> dict[str, Any]:
    spec, counts = known.spec, activity.counts
    has_url = bool(public_url and known.path and known.path not in SHOWN_WITH_REQUESTS)
    return {
        "name": known.name,
        "built_in": known.built_in,
        "path": known.path,
        "url": f"{public_url}{known.path}" if has_url else None,
        "preset": None if spec is None else spec.preset,
        "docs": None if spec is None else _docs_of(spec.preset),
        "verified_by": known.verified_by,
        "rate": None if spec is None else rate_text(spec.rate),
        "events_per_request": None if spec is None else spec.events_per_request,
        "missing_variables": list(known.missing),
        "warnings": list(known.warnings),
        "state": state_of(known, activity),
        "accepted": counts.accepted,
        "quarantined": counts.quarantined,
        "skipped": counts.skipped,
        "refused": counts.refused,
        "since": _time(counts.since),
        "accepted_last_hour": activity.accepted_last_hour,
        "refused_last_hour": activity.refused_last_hour,
        "last_accepted_at": _time(counts.last_accepted_at),
        "last_refusal": refusal_view(activity.refusals[0]) if activity.refusals else None,
    }


def _docs_of(preset: str | None) -> str | None:
    """Return the page of a preset's sender; None for a preset of no particular sender."""
    docs = "" if preset is None else preset_parts(preset).text.docs
    return docs if docs.startswith("https://") else None


def _time(at: float | None) -> str | None:
    return None if at is None else rfc3339(at)
