"""The endpoints that every process has: liveness, readiness, metrics."""

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import msgspec
from aiohttp import hdrs, web

from router.http.openapi import Operation, ResponseSpec
from router.media_types import JSON
from router.metrics import Metrics

_RULES: Final = {
    "description": "The rules in force; absent in a process without rules.",
    "type": "object",
    "required": ["generation", "rules", "destinations"],
    "properties": {
        "generation": {"type": "string", "description": "Fingerprint of the rules folder."},
        "rules": {"type": "integer"},
        "destinations": {"type": "integer"},
        "error": {"type": "string", "description": "Why the last reload was rejected."},
    },
}
_REJECTED: Final = "the rules folder was rejected; the log says why"
"""Shown to strangers instead of diagnostics, which name files."""
_PATH: Final = re.compile(r"(?<![\w/:])/(?:[^\s/:;,]+/)*[^\s/:;,]+")
_METRICS_FORMATS: Final = ("text/plain", "application/openmetrics-text")
OPERATIONS: Final = (
    Operation(
        method=hdrs.METH_GET,
        path="/healthz",
        tag="status",
        summary="Report liveness",
        responses={
            200: ResponseSpec(
                "The process is alive.",
                {
                    "type": "object",
                    "required": ["status"],
                    "properties": {"status": {"const": "alive"}},
                },
            )
        },
    ),
    Operation(
        method=hdrs.METH_GET,
        path="/readyz",
        tag="status",
        summary="Report readiness",
        responses={
            200: ResponseSpec(
                "The process is ready for events.",
                {
                    "type": "object",
                    "required": ["status"],
                    "properties": {"status": {"const": "ready"}, "rules": _RULES},
                },
            ),
            503: ResponseSpec(
                "The process is not ready; the reason says why.",
                {
                    "type": "object",
                    "required": ["status", "reason"],
                    "properties": {
                        "status": {"const": "not ready"},
                        "reason": {"type": "string"},
                        "rules": _RULES,
                    },
                },
            ),
        },
    ),
    Operation(
        method=hdrs.METH_GET,
        path="/metrics",
        tag="status",
        summary="Return Prometheus metrics",
        responses={200: ResponseSpec("The metrics.", {"type": "string"}, _METRICS_FORMATS)},
    ),
)
"""The OpenAPI operations of ``HealthEndpoints.routes``."""


class HealthEndpoints:
    """``/healthz``, ``/readyz`` and ``/metrics``.

    Args:
        metrics: The metrics of the process.
        not_ready_reason: Returns why the process is not ready, None if it is.
        update_gauges: Sets the gauges that show the state of Redis.
        details: Returns what else ``/readyz`` shows, such as the rules in force. A rules folder
            that was rejected is shown there and leaves the process ready: the previous rules stay
            active, and a typo must not take all processes out of service.
        may_see_all: Returns whether a request comes from an operator or a viewer. Others see no paths of files.
    """

    def __init__(
        self,
        metrics: Metrics,
        *,
        not_ready_reason: Callable[[], Awaitable[str | None]],
        update_gauges: Callable[[], Awaitable[None]],
        details: Callable[[], Mapping[str, Any]],
        may_see_all: Callable[[web.Request], bool],
    ) -> None:
        self._metrics = metrics
        self._not_ready_reason = not_ready_reason
        self._update_gauges = update_gauges
        self._details = details
        self._may_see_all = may_see_all

    def public_routes(self) -> list[web.RouteDef]:
        """Return the route for load balancers in front of senders: liveness alone."""
        return [web.get("/healthz", self.health)]

    def routes(self) -> list[web.RouteDef]:
        """Return the three routes."""
        return [
            *self.public_routes(),
            web.get("/readyz", self.readiness),
            web.get("/metrics", self.metrics),
        ]

    async def health(self, _request: web.Request) -> web.Response:
        """Answer 200. Never asks Redis, because a restart would not bring Redis back."""
        return _json(200, {"status": "alive"})

    async def readiness(self, request: web.Request) -> web.Response:
        """Answer 200 if events may be sent to this process, else 503 with the reason."""
        reason = await self._not_ready_reason()
        shown: dict[str, Any] = {"status": "ready" if reason is None else "not ready"}
        if reason is not None:
            shown["reason"] = reason
        shown |= self._details()
        if not self._may_see_all(request):
            shown = _without_paths(shown)
        return _json(200 if reason is None else 503, shown)

    async def metrics(self, request: web.Request) -> web.Response:
        """Return the metrics in the format that ``Accept`` asks for, with gauges set just now."""
        await self._update_gauges()
        body, content_type = self._metrics.exposition(request.headers.get("Accept", ""))
        return web.Response(body=body, headers={"Content-Type": content_type})


def _without_paths(shown: Mapping[str, Any]) -> dict[str, Any]:
    """Return what ``/readyz`` shows to strangers."""
    public = dict(shown)
    if "reason" in public:
        public["reason"] = _PATH.sub("…", public["reason"])
    rules = public.get("rules")
    if rules and "error" in rules:
        public["rules"] = {**rules, "error": _REJECTED}
    return public


def _json(status: int, content: Mapping[str, Any]) -> web.Response:
    return web.Response(status=status, body=msgspec.json.encode(content), content_type=JSON)
