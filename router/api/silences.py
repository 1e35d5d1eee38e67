"""``/api/v1/silences``: list, add and end the silences of operators."""

import enum
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final

import msgspec
from aiohttp import hdrs, web
from msgspec import Meta

from router.api.access import Access, audit_entry, caller_of
from router.api.json_responses import error_response, json_response
from router.api.matching_alerts import READ_LIMIT, MatchingAlerts, count_matching
from router.api.operator_routes import (
    operator_operation,
    operator_route,
    viewer_operation,
    viewer_route,
)
from router.api.requests import BAD_BODY, decode_body, query_params
from router.errors import ConditionError, JournalUnavailableError, OverloadedError
from router.http.openapi import ResponseSpec
from router.journal.audit import Audit, AuditAction, Audited
from router.journal.keyed_alerts import KeyedAlerts
from router.journal.silences import Silences, StoredSilence
from router.media_types import JSON
from router.rules.model import Rule
from router.rules.suppression.silence_check import matching_rules, problem_of
from router.rules.suppression.silences import TEXT_LIMIT, SilenceText
from router.rules.suppression.when_over import WhenOver

BODY_LIMIT: Final = 64 * 1024
"""Bytes of a silence."""
_PATH: Final = "/api/v1/silences"
_INVALID: Final = "not_a_silence"


class SilenceState(enum.StrEnum):
    """Whether a silence is in force."""

    PENDING = "pending"
    ACTIVE = "active"
    ENDED = "ended"


class SilenceView(msgspec.Struct, frozen=True, kw_only=True):
    """A silence. Times are Unix seconds."""

    id: str
    state: SilenceState
    match: Annotated[dict[str, Any] | None, Meta(description="Fields of the alert or event.")]
    when: Annotated[str | None, Meta(description="CEL condition.")]
    starts_at: float
    ends_at: float
    author: str
    comment: str
    created_at: float
    when_over: Annotated[
        WhenOver,
        Meta(description="`tell`: what is still open when it ends is notified. `drop`: not."),
    ]
    until_resolved: Annotated[
        bool, Meta(description="It silences alerts that were open when it started.")
    ]
    matching_rules: Annotated[
        int | None,
        Meta(description="Rules of which it can silence alerts; null if they are not known."),
    ] = None
    open_alerts: Annotated[
        int | None,
        Meta(description="Open alerts that it matches now; null if they were not counted."),
    ] = None
    open_alerts_complete: Annotated[
        bool,
        Meta(description="False if there are more open alerts than were read: it may match more."),
    ] = True


class NewSilence(SilenceText, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A silence to add; its author may be left out if the token has a name."""

    author: Annotated[
        str, Meta(max_length=TEXT_LIMIT, description="The operator; else the token's name.")
    ] = ""

    def _check_author(self) -> None:
        """Accept a silence without an author, whom the token may name."""

    def by(self, name: str) -> SilenceText:
        """Return the silence of its author, or else of ``name``. Raise ValueError if neither is."""
        fields = msgspec.structs.asdict(self)
        return SilenceText(**fields | {"author": self.author.strip() or name})


class SilenceList(msgspec.Struct, frozen=True):
    """Silences, newest first."""

    silences: tuple[SilenceView, ...]


class NewSilenceQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Query of a new silence."""

    dry_run: Annotated[
        bool, Meta(description="Return what it would match now, without an id, and add nothing.")
    ] = False


_LIST: Final = viewer_operation(
    hdrs.METH_GET,
    _PATH,
    "List silences",
    {200: ResponseSpec("Newest first.", SilenceList)},
    description="Includes silences that ended within the last five days.",
)
_ADD: Final = operator_operation(
    hdrs.METH_POST,
    _PATH,
    "Add a silence",
    {
        200: ResponseSpec("A dry run: the silence that would be added.", SilenceView),
        201: ResponseSpec("The silence, how many rules and open alerts it matches.", SilenceView),
        409: ResponseSpec("There are too many silences."),
        **BAD_BODY,
    },
    description=(
        "Suppresses matching alerts from starts to ends. Its rules, severities and labels must"
        f" exist, and it cannot match every alert. At most {READ_LIMIT} open alerts are counted."
    ),
    query=NewSilenceQuery,
    body={JSON: NewSilence},
)
_EXPIRE: Final = operator_operation(
    hdrs.METH_DELETE,
    f"{_PATH}/{{id}}",
    "End a silence now",
    {
        200: ResponseSpec("The silence, which has ended.", SilenceView),
        404: ResponseSpec("The silence does not exist."),
    },
    path_parameters={"id": "Id of the silence."},
)
OPERATIONS: Final = (_LIST, _ADD, _EXPIRE)
"""Descriptions of the routes."""


def silence_view(
    stored: StoredSilence,
    now: float,
    rules: Mapping[str, Rule] | None = None,
    matching: MatchingAlerts | None = None,
) -> SilenceView:
    """Return a silence as the API and the commands show it.

    Args:
        stored: The silence.
        now: Unix time in seconds.
        rules: All rules by name, to count those that it matches; None if they are not known.
        matching: The open alerts that it matches; None if they are not known.

    Raises:
        ConditionError: This version cannot compile its condition.
    """
    compiled = stored.compiled()
    state = SilenceState.ACTIVE if now >= compiled.starts else SilenceState.PENDING
    return SilenceView(
        id=stored.id,
        state=SilenceState.ENDED if now >= compiled.ends else state,
        match=stored.text.match,
        when=stored.text.when,
        starts_at=compiled.starts,
        ends_at=compiled.ends,
        author=stored.text.author,
        comment=stored.text.comment,
        created_at=stored.created_at,
        when_over=stored.text.when_over,
        until_resolved=stored.text.until_resolved,
        matching_rules=(
            None if rules is None else sum(1 for _ in matching_rules(compiled.condition, rules))
        ),
        open_alerts=None if matching is None else matching.number,
        open_alerts_complete=matching is None or matching.is_complete,
    )


def silence_details(stored: StoredSilence) -> dict[str, str | int]:
    """Return what the audit trail says of a silence: what it matches, until when, and why."""
    text = stored.text
    return {
        "match": msgspec.json.encode(text.match).decode() if text.match else "",
        "when": text.when or "",
        "ends": "until resolved" if text.until_resolved and not text.ends else text.ends,
        "comment": text.comment,
    }


async def add_silence(
    silences: Silences, alerts: KeyedAlerts, text: SilenceText, now: Callable[[], float]
) -> tuple[StoredSilence, MatchingAlerts | None]:
    """Add a silence, then count the open alerts that it matches.

    The count is None if Redis does not answer any more: the silence is added all the same.

    Raises:
        ConditionError: Its condition is invalid.
        OverloadedError: There are too many silences.
        JournalUnavailableError: Redis did not confirm that it is added.
    """
    stored = await silences.add(text)
    try:
        return stored, await count_matching(alerts, stored.compiled(), now())
    except JournalUnavailableError:
        return stored, None


class SilencesApi:
    """Handlers of silences.

    Args:
        silences: The silences of the journal.
        access: Who may call.
        audit: The audit trail.
        now: Returns Unix seconds.
        alerts: The keyed alerts, to count those that a silence matches.
        rules: Returns the active rules by name; None in a process without rules.
    """

    def __init__(
        self,
        silences: Silences,
        access: Access,
        audit: Audit,
        now: Callable[[], float],
        alerts: KeyedAlerts,
        rules: Callable[[], Mapping[str, Rule]] | None = None,
    ) -> None:
        self._silences = silences
        self._access = access
        self._audit = audit
        self._now = now
        self._alerts = alerts
        self._rules = rules

    def routes(self) -> list[web.RouteDef]:
        """Return the routes: viewers may read."""
        return [
            viewer_route(_LIST, self.list, self._access),
            operator_route(_ADD, self.add, self._access),
            operator_route(_EXPIRE, self.expire, self._access),
        ]

    async def list(self, _request: web.Request) -> web.StreamResponse:
        """Return the silences, newest first."""
        stored = await self._silences.all()
        now = self._now()
        return json_response(SilenceList(tuple(silence_view(each, now) for each in stored)))

    async def add(self, request: web.Request) -> web.StreamResponse:
        """Return 201 with the silence, or 400 with the JSON path of the fault."""
        caller = caller_of(request)
        query = query_params(request, NewSilenceQuery)
        body = await decode_body(request, NewSilence, limit=BODY_LIMIT, code=_INVALID)
        try:
            text = body.by(caller.name)
        except ValueError as error:
            return error_response(400, _INVALID, str(error), "$.author")
        rules = None if self._rules is None else self._rules()
        try:
            problem = problem_of(text, rules, self._now())
            if problem is not None:
                return error_response(400, _INVALID, str(problem), f"$.{problem.field}")
            if query.dry_run:
                return json_response(await self._tried(text, rules))
            stored, matching = await add_silence(self._silences, self._alerts, text, self._now)
        except ConditionError as error:
            message = f"{error.message} ({error.hint})" if error.hint else error.message
            is_in_match = error.message.startswith("match:") or text.when is None
            return error_response(400, _INVALID, message, "$.match" if is_in_match else "$.when")
        except OverloadedError as error:
            return error_response(409, "too_many", str(error))
        view = silence_view(stored, self._now(), rules, matching)
        await self._audit.record(
            audit_entry(
                caller,
                AuditAction.SILENCED,
                Audited.SILENCE,
                stored.id,
                named=text.author,
                details=silence_details(stored),
            )
        )
        return json_response(view, 201)

    async def _tried(self, text: SilenceText, rules: Mapping[str, Rule] | None) -> SilenceView:
        """Return a silence as it would be. Raise ConditionError."""
        stored = StoredSilence(id="", text=text, created_at=self._now())
        matching = await count_matching(self._alerts, stored.compiled(), self._now())
        return silence_view(stored, self._now(), rules, matching)

    async def expire(self, request: web.Request) -> web.StreamResponse:
        """Return 200 with the silence, which has ended; 404 if no silence has this id."""
        stored = await self._silences.expire(request.match_info["id"])
        if stored is None:
            return error_response(404, "no_such_silence", "there is no silence with this id")
        await self._audit.record(
            audit_entry(caller_of(request), AuditAction.EXPIRED, Audited.SILENCE, stored.id)
        )
        return json_response(silence_view(stored, self._now()))
