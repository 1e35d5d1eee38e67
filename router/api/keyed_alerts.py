"""``/api/v1/alerts``: what is wrong now, who takes care of it, and its history."""

from typing import Annotated, Final

import msgspec
from aiohttp import hdrs, web
from msgspec import Meta

from router.api.access import Access, audit_entry, caller_of
from router.api.alert_actions import (
    RESOLVE_SECONDS,
    AlertActions,
    obstacle,
    read_details,
    unknown_key,
)
from router.api.alert_counts import COUNTED, AlertCounts, count_alerts
from router.api.alert_filter import AlertFilter, alert_filter
from router.api.alert_views import AlertDetails, AlertView, alert_view
from router.api.json_responses import error_response, json_response
from router.api.operator_routes import (
    operator_operation,
    operator_route,
    viewer_operation,
    viewer_route,
)
from router.api.records import DEFAULT_LIMIT, After, Limit
from router.api.requests import (
    BAD_BODY,
    BAD_REQUEST,
    BadRequestError,
    decode_body,
    parse_cursor,
    query_params,
)
from router.clock import Clock
from router.events.masks import NO_MASKS, Masks
from router.http.openapi import ResponseSpec
from router.journal.acknowledgements import BY_LIMIT
from router.journal.audit import Audit, AuditAction, Audited
from router.journal.connection import Connection
from router.journal.keyed_alerts import KeyedAlert, KeyedAlerts
from router.journal.pagination import collect
from router.journal.silences import Silences
from router.media_types import JSON

MAX_SCANNED: Final = 2000
"""Alerts that one request reads at most, whether they match or not."""
_BODY_LIMIT: Final = 4096
_PATH: Final = "/api/v1/alerts"
_ITEM: Final = f"{_PATH}/{{key}}"


class AlertQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Query of the list; an empty field matches all."""

    state: Annotated[
        tuple[str, ...],
        Meta(
            description=(
                "pending, firing, suppressed, acknowledged, resolved or unreadable; several with"
                " commas between them, of which one must be true."
            )
        ),
    ] = ()
    rule: Annotated[str, Meta(description="Name of a rule.")] = ""
    severity: Annotated[
        tuple[str, ...],
        Meta(description="info, warning or critical; several with commas between them."),
    ] = ()
    label: Annotated[
        tuple[str, ...],
        Meta(description="A label and its value, such as team:voice; all that are given match."),
    ] = ()
    text: Annotated[
        str, Meta(description="Text in the summary, key, rule or labels, in upper or lower case.")
    ] = ""
    counts: Annotated[
        bool, Meta(description="Whether to count the alerts of each state, in any state.")
    ] = False
    limit: Limit = DEFAULT_LIMIT
    after: After = ""

    def filter(self) -> AlertFilter:
        """Return the filter. Raises BadRequestError for a state, severity or label that is none."""
        try:
            return alert_filter(
                state=self.state,
                rule=self.rule,
                severity=self.severity,
                label=self.label,
                text=self.text,
            )
        except ValueError as error:
            raise BadRequestError(str(error)) from None


class AlertPage(msgspec.Struct, frozen=True):
    """A page of keyed alerts, the latest change first."""

    alerts: tuple[AlertView, ...]
    after: Annotated[
        str, Meta(description="Cursor of the next page, empty at the end. A page may be empty.")
    ]
    counts: Annotated[
        AlertCounts | None,
        Meta(
            description=f"Counts among the {COUNTED} alerts that changed last; null unless asked for."
        ),
    ] = None


class OperatorName(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The operator who acts."""

    by: Annotated[
        str,
        Meta(
            max_length=BY_LIMIT,
            description="The operator's name; needed if the token has no name, which it is else.",
        ),
    ] = ""


class AcknowledgeResult(msgspec.Struct, frozen=True):
    """An alert that is acknowledged."""

    alert: AlertView
    told: Annotated[int, Meta(description="Destinations that are told of it by this request.")]


class UnacknowledgeResult(msgspec.Struct, frozen=True):
    """An alert that is not acknowledged."""

    alert: AlertView
    was_acknowledged: bool


class ResolveResult(msgspec.Struct, frozen=True):
    """An alert that an operator resolves."""

    status: Annotated[str, Meta(description="resolved, or resolving: a worker does it.")]
    alert: AlertView


_PARAMETERS: Final = {"key": "Key of the alert."}
_UNKNOWN: Final = {404: ResponseSpec("No alert has this key.")}
_OVER: Final = {409: ResponseSpec("The alert is resolved, or its record cannot be read.")}
_LIST: Final = viewer_operation(
    hdrs.METH_GET,
    _PATH,
    "List keyed alerts",
    {200: ResponseSpec("A page, the latest change first.", AlertPage), **BAD_REQUEST},
    description=(
        "Alerts of rules that remember: each rule and the values of its by. Resolved ones are"
        f" listed for a day. One request reads {MAX_SCANNED} of them at most, so that a page may"
        " have fewer than limit; repeat the request with after while it is not empty."
    ),
    query=AlertQuery,
)
_SHOW: Final = viewer_operation(
    hdrs.METH_GET,
    _ITEM,
    "Show an alert, its history, and what each destination was told",
    {200: ResponseSpec("The alert.", (AlertDetails, AlertView)), **_UNKNOWN},
    description="An AlertView, which has a problem, if the record of the alert cannot be read.",
    path_parameters=_PARAMETERS,
)
_ACKNOWLEDGE: Final = operator_operation(
    hdrs.METH_POST,
    f"{_ITEM}/acknowledge",
    "Acknowledge an alert",
    {200: ResponseSpec("It is acknowledged.", AcknowledgeResult), **_UNKNOWN, **_OVER, **BAD_BODY},
    description=(
        "Ends its reminders and its escalation, and tells the destinations that were told of it"
        " and have acknowledgements. A later one replaces an earlier one."
    ),
    path_parameters=_PARAMETERS,
    body={JSON: OperatorName},
    body_required=False,
)
_UNACKNOWLEDGE: Final = operator_operation(
    hdrs.METH_POST,
    f"{_ITEM}/unacknowledge",
    "Withdraw the acknowledgement of an alert",
    {
        200: ResponseSpec("It is not acknowledged.", UnacknowledgeResult),
        **_UNKNOWN,
        **_OVER,
        **BAD_BODY,
    },
    description="Its reminders and its escalation go on.",
    path_parameters=_PARAMETERS,
    body={JSON: OperatorName},
    body_required=False,
)
_RESOLVE: Final = operator_operation(
    hdrs.METH_POST,
    f"{_ITEM}/resolve",
    "Resolve an alert",
    {
        200: ResponseSpec("It is resolved.", ResolveResult),
        202: ResponseSpec("A worker will resolve it.", ResolveResult),
        **_UNKNOWN,
        **_OVER,
        **BAD_BODY,
    },
    description=(
        "Ends the alert and tells the destinations that were told of it, as an event of resolve"
        f" would. A worker does so; the response waits for {RESOLVE_SECONDS:g} s."
    ),
    path_parameters=_PARAMETERS,
    body={JSON: OperatorName},
    body_required=False,
)
OPERATIONS: Final = (_LIST, _SHOW, _ACKNOWLEDGE, _UNACKNOWLEDGE, _RESOLVE)
"""Descriptions of the routes."""


class KeyedAlertsApi:
    """Handlers of keyed alerts.

    Args:
        connection: To Redis.
        clock: The clock.
        access: Who may call.
        masks: The fields of events that are not shown.
        resolve_seconds: How long a response waits for a worker to resolve an alert.
    """

    def __init__(
        self,
        connection: Connection,
        clock: Clock,
        access: Access,
        masks: Masks = NO_MASKS,
        *,
        resolve_seconds: float = RESOLVE_SECONDS,
    ) -> None:
        self._connection = connection
        self._alerts = KeyedAlerts(connection)
        self._actions = AlertActions(connection, clock)
        self._masks = masks
        self._resolve_seconds = resolve_seconds
        self._silences = Silences(connection, clock)
        self._audit = Audit(connection, clock)
        self._now = clock.now
        self._access = access

    def routes(self) -> list[web.RouteDef]:
        """Return the routes: viewers may read."""
        return [
            viewer_route(_LIST, self.list, self._access),
            viewer_route(_SHOW, self.show, self._access),
            operator_route(_ACKNOWLEDGE, self.acknowledge, self._access),
            operator_route(_UNACKNOWLEDGE, self.unacknowledge, self._access),
            operator_route(_RESOLVE, self.resolve, self._access),
        ]

    async def list(self, request: web.Request) -> web.StreamResponse:
        """Return a page of alerts."""
        query = query_params(request, AlertQuery)
        wanted, now = query.filter(), self._now()
        found = await collect(
            self._alerts.find(lambda each: wanted.matches(each, now)),
            parse_cursor(query.after),
            count=query.limit,
            max_scanned=MAX_SCANNED,
        )
        views = tuple(alert_view(each, now, self._masks) for each in found.items)
        counts = await count_alerts(self._alerts, wanted, now) if query.counts else None
        return json_response(AlertPage(views, str(found.after or ""), counts))

    async def show(self, request: web.Request) -> web.StreamResponse:
        """Return one alert."""
        found = await self._alerts.get(request.match_info["key"])
        if found is None:
            return await self._unknown(request)
        if not isinstance(found, KeyedAlert):
            return json_response(alert_view(found, self._now(), self._masks))
        return json_response(
            await read_details(self._connection, found, self._silences, self._now(), self._masks)
        )

    async def acknowledge(self, request: web.Request) -> web.StreamResponse:
        """Acknowledge an alert that is not over."""
        found, by = await self._open_alert(request)
        if isinstance(found, web.Response):
            return found
        told = await self._actions.acknowledge(found.key, by, found)
        await self._record(request, AuditAction.ACKNOWLEDGED, found, by)
        return json_response(AcknowledgeResult(await self._view(found), told))

    async def unacknowledge(self, request: web.Request) -> web.StreamResponse:
        """Withdraw the acknowledgement of an alert that is not over."""
        found, by = await self._open_alert(request)
        if isinstance(found, web.Response):
            return found
        is_withdrawn = await self._actions.unacknowledge(found.key, by)
        if is_withdrawn:
            await self._record(request, AuditAction.UNACKNOWLEDGED, found, by)
        return json_response(UnacknowledgeResult(await self._view(found), is_withdrawn))

    async def resolve(self, request: web.Request) -> web.StreamResponse:
        """Have an alert resolved; 202 if a worker has not done so yet."""
        found, by = await self._open_alert(request)
        if isinstance(found, web.Response):
            return found
        is_done = await self._actions.resolve(found, by, self._resolve_seconds)
        await self._record(request, AuditAction.RESOLVED, found, by)
        result = ResolveResult("resolved" if is_done else "resolving", await self._view(found))
        return json_response(result, 200 if is_done else 202)

    async def _record(
        self, request: web.Request, action: AuditAction, found: KeyedAlert, by: str
    ) -> None:
        details = {"rule": found.alert.rule}
        caller = caller_of(request)
        await self._audit.record(
            audit_entry(caller, action, Audited.ALERT, found.key, named=by, details=details)
        )

    async def _view(self, found: KeyedAlert) -> AlertView:
        stored = await self._alerts.get(found.key)
        return alert_view(stored or found, self._now(), self._masks)

    async def _open_alert(self, request: web.Request) -> tuple[KeyedAlert | web.Response, str]:
        """Return the alert of a request and the operator's name; or the response if it is over."""
        body = await decode_body(request, OperatorName, limit=_BODY_LIMIT)
        by = body.by.strip() or caller_of(request).name
        if not by:
            message = "by is empty: give the name of who does it, because the token has none"
            raise BadRequestError(message, path="$.by")
        found = await self._alerts.get(request.match_info["key"])
        if found is None:
            return await self._unknown(request), ""
        reason = obstacle(found, self._now())
        if reason or not isinstance(found, KeyedAlert):
            return error_response(409, "not_open", reason), ""
        return found, by

    async def _unknown(self, request: web.Request) -> web.Response:
        message = await unknown_key(self._alerts, request.match_info["key"])
        return error_response(404, "no_such_alert", message)
