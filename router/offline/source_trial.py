"""Try a request with a source, step by step and without a router: for ``router sources test``.

The steps are those of the endpoint: the verifiers, the body, handshakes, the items, the attributes of
each event. A step that fails is said with its reason, and the steps that are possible without it follow,
so that one try shows all that is wrong. Nothing is sent, fetched or stored.
"""

import enum
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec
from multidict import CIMultiDict

from router.cel import ERROR, Expression, as_json
from router.datatypes import Secret, parse_address
from router.errors import EventError
from router.events.model import Event, Malformed
from router.sources.contract import (
    FetchError,
    Refusal,
    RequestHead,
    Verifier,
    VerifierEnvironment,
)
from router.sources.mapping import MappingLimits, OpenedRequest, SourceMapping
from router.sources.spec import SourceSpec
from router.sources.verifiers.kinds import build_verifier

_UNAUTHORIZED: Final = 401
_NETWORKS: Final = "networks"
_ATTRIBUTES: Final = ("type", "id", "source", "time", "subject", "data")


class TrialRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request as a sender would make it."""

    method: str
    path: str
    query: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    url: str = ""
    """The whole URL that the sender calls."""
    client: str = ""
    """The sender's address; ``""`` if it is not known."""
    at: float
    """Unix time in seconds at which it came."""


class CheckOutcome(enum.StrEnum):
    """The result of a verifier."""

    PASSED = "passed"
    REFUSED = "refused"
    NOT_CHECKED = "not checked"
    """The request or this machine lacks what it compares."""


class CheckStep(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a verifier, with its reason."""

    verifier: str
    outcome: CheckOutcome
    reason: str = ""
    hint: str = ""


class AttributeStep(msgspec.Struct, frozen=True, kw_only=True):
    """An attribute of an event, and how it came about."""

    name: str
    expression: str | None
    """None for the default."""
    value: Any
    """None if there is none."""
    reason: str = ""
    """Why the expression has no value."""


class ItemStep(msgspec.Struct, frozen=True, kw_only=True):
    """An item, and the event that it becomes."""

    is_skipped: bool = False
    attributes: tuple[AttributeStep, ...] = ()
    event: Any = None
    """The CloudEvent; None if there is none."""
    reason: str = ""
    """Why it becomes no event."""


class TrialReply(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a handshake."""

    status: int
    content: str
    visit: str | None


class TrialVerdict(enum.StrEnum):
    """The end of the request."""

    ACCEPTED = "accepted"
    ANSWERED = "answered as a handshake, without an event"
    SKIPPED = "accepted, and the source skips all of it"
    QUARANTINED = "accepted into quarantine"
    REFUSED = "refused"


class SourceTrial(msgspec.Struct, frozen=True, kw_only=True):
    """All steps of a request."""

    source: str
    verdict: TrialVerdict
    verification: tuple[CheckStep, ...]
    """Empty for ``verify: none``."""
    body_kind: str = ""
    """``""`` if the body could not be decoded."""
    body_bytes: int = 0
    problem: str = ""
    """Why it could not be decoded or cut, or why its method or path is not that of the source."""
    reply: TrialReply | None = None
    split: str | None = None
    items: tuple[ItemStep, ...] = ()

    @property
    def is_well(self) -> bool:
        """Return whether nothing was refused, and nothing went to quarantine."""
        is_taken = self.verdict not in (TrialVerdict.REFUSED, TrialVerdict.QUARANTINED)
        return is_taken and not any(each.reason for each in self.items)


class SourceTester:
    """Tries requests with one source.

    Args:
        spec: The source.
        auth_tokens: Twilio's auth tokens.
        limits: Limits of a request.
        new_id: Makes the id of an event whose source gives none.
    """

    def __init__(
        self,
        spec: SourceSpec,
        auth_tokens: Sequence[Secret],
        limits: MappingLimits,
        new_id: Callable[[], str],
    ) -> None:
        self._spec = spec
        self._mapping = SourceMapping(spec, limits, new_id)
        self._environment = VerifierEnvironment(auth_tokens=auth_tokens, fetch=_no_fetch)

    async def run(self, request: TrialRequest) -> tuple[SourceTrial, list[Event]]:
        """Return the steps of a request, and its events."""
        spec, head = self._spec, _head(request)
        verification = await self._verification(head, request.body)
        trial = SourceTrial(
            source=spec.name,
            verdict=TrialVerdict.REFUSED,
            verification=verification,
            body_bytes=len(request.body),
            split=None if spec.split is None else spec.split.source,
            problem=_wrong_target(spec, request),
        )
        try:
            content_type = head.headers.get("Content-Type", "")
            opened = self._mapping.open(head, request.body, content_type)
            reply = self._mapping.reply(opened)
        except EventError as error:
            return self._unmappable(trial, error), []
        trial = msgspec.structs.replace(trial, body_kind=str(opened.body.kind))
        if reply is not None:
            shown = TrialReply(
                status=reply.status,
                content=reply.content.decode("utf-8", "replace"),
                visit=reply.visit,
            )
            return self._judged(trial, TrialVerdict.ANSWERED, reply=shown), []
        found = [self._item(opened, index, request.at) for index in range(len(opened.items))]
        items = tuple(item for item, _ in found)
        events = [event for _, event in found if event is not None]
        return self._judged(trial, self._verdict(items), items=items), events

    def _verdict(self, items: Sequence[ItemStep]) -> TrialVerdict:
        if any(item.reason for item in items) and not self._spec.verify:
            return TrialVerdict.REFUSED
        if any(item.event is not None for item in items):
            return TrialVerdict.ACCEPTED
        is_bad = any(item.reason for item in items)
        return TrialVerdict.QUARANTINED if is_bad else TrialVerdict.SKIPPED

    def _judged(self, trial: SourceTrial, verdict: TrialVerdict, **more: Any) -> SourceTrial:
        is_refused = trial.problem or any(
            step.outcome is CheckOutcome.REFUSED for step in trial.verification
        )
        verdict = TrialVerdict.REFUSED if is_refused else verdict
        return msgspec.structs.replace(trial, verdict=verdict, **more)

    def _unmappable(self, trial: SourceTrial, error: EventError) -> SourceTrial:
        where = f"{error.path}: " if error.path not in ("", "$") else ""
        is_kept = self._spec.verify and error.code == "not_mappable" and not trial.problem
        verdict = TrialVerdict.QUARANTINED if is_kept else TrialVerdict.REFUSED
        problem = trial.problem or f"{where}{error.message}"
        judged = self._judged(trial, verdict)
        return msgspec.structs.replace(judged, problem=problem)

    async def _verification(self, head: RequestHead, body: bytes) -> tuple[CheckStep, ...]:
        if self._spec.missing_variables:
            names = " and ".join(f"${{{name}}}" for name in self._spec.missing_variables)
            return tuple(
                CheckStep(
                    verifier=name,
                    outcome=CheckOutcome.NOT_CHECKED,
                    reason=f"{names} is not set here; a router without it refuses all requests",
                )
                for name in self._spec.verify
            )
        return tuple(
            [
                await _check(name, build_verifier(config, self._environment), head, body)
                for name, config in self._spec.verify.items()
            ]
        )

    def _item(self, opened: OpenedRequest, index: int, at: float) -> tuple[ItemStep, Event | None]:
        found = self._mapping.event(opened, index, at)
        if found is None:
            return ItemStep(is_skipped=True), None
        values = {**opened.names, "data": opened.items[index]}
        if isinstance(found, Malformed):
            steps = tuple(self._attributes(values, self._defaults(values)))
            return ItemStep(attributes=steps, reason=found.reason), None
        event = msgspec.json.decode(found.body)
        return ItemStep(attributes=tuple(self._attributes(values, event)), event=event), found

    def _defaults(self, values: dict[str, Any]) -> dict[str, Any]:
        """Return the attributes without an expression, for an item that becomes no event."""
        defaults = {name: self._mapping.default(name) for name in _ATTRIBUTES}
        defaults["data"] = values["data"]
        return {
            name: defaults[name] for name in defaults if getattr(self._spec.event, name) is None
        }

    def _attributes(self, values: dict[str, Any], event: dict[str, Any]) -> list[AttributeStep]:
        mapping = self._spec.event
        expressions: dict[str, Expression | None] = {
            **{name: getattr(mapping, name) for name in _ATTRIBUTES},
            **mapping.extensions,
        }
        return [
            _attribute(name, expression, values, event) for name, expression in expressions.items()
        ]


def _attribute(
    name: str, expression: Expression | None, values: dict[str, Any], event: dict[str, Any]
) -> AttributeStep:
    if expression is None:
        return AttributeStep(name=name, expression=None, value=event.get(name))
    value = as_json(expression.value(values))
    if value is ERROR:
        reason = expression.reason(values)
        return AttributeStep(name=name, expression=expression.source, value=None, reason=reason)
    return AttributeStep(name=name, expression=expression.source, value=event.get(name, value))


async def _check(name: str, verifier: Verifier, head: RequestHead, body: bytes) -> CheckStep:
    if name == _NETWORKS and head.address is None:
        reason = "the sender's address is not given"
        return CheckStep(verifier=name, outcome=CheckOutcome.NOT_CHECKED, reason=reason)
    try:
        refusal = verifier.check_head(head) or await verifier.check_body(head, body)
    except FetchError as error:
        return CheckStep(verifier=name, outcome=CheckOutcome.NOT_CHECKED, reason=str(error))
    if refusal is None:
        return CheckStep(verifier=name, outcome=CheckOutcome.PASSED)
    return CheckStep(
        verifier=name,
        outcome=CheckOutcome.NOT_CHECKED if _is_missing(refusal) else CheckOutcome.REFUSED,
        reason=refusal.reason,
        hint=refusal.hint,
    )


def _is_missing(refusal: Refusal) -> bool:
    """Return whether a request has no signature or credentials, as a body in a file has none."""
    return refusal.status == _UNAUTHORIZED


def _wrong_target(spec: SourceSpec, request: TrialRequest) -> str:
    if request.path != spec.path:
        return f"its path is {request.path}, that of the source is {spec.path}"
    if request.method not in spec.methods:
        return f"its method is {request.method}, the source takes {', '.join(spec.methods)}"
    return ""


def _head(request: TrialRequest) -> RequestHead:
    address = parse_address(request.client)
    headers: CIMultiDict[str] = CIMultiDict(request.headers)
    return RequestHead(
        method=request.method,
        path=request.path,
        query=request.query,
        headers=headers,
        urls=[request.url],
        address=address,
        peer=address,
        received_at=request.at,
    )


async def _no_fetch(url: str) -> bytes:
    raise FetchError(f"{url} is not fetched by a test")
