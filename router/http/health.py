"""What every process tells of itself: liveness, readiness, metrics."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import msgspec
from aiohttp import hdrs, web

from router.http.openapi import Operation, ResponseSpec
from router.metrics import Metrics

OPERATIONS: Final = (
    Operation(
        method=hdrs.METH_GET,
        path="/healthz",
        tag="status",
        summary="Whether the process runs",
        responses={200: ResponseSpec("It does.", {"type": "object", "required": ["status"]})},
    ),
    Operation(
        method=hdrs.METH_GET,
        path="/readyz",
        tag="status",
        summary="Whether to send events here",
        responses={
            200: ResponseSpec("Yes.", {"type": "object", "required": ["status"]}),
            503: ResponseSpec("No.", {"type": "object", "required": ["status", "reason"]}),
        },
    ),
    Operation(
        method=hdrs.METH_GET,
        path="/metrics",
        tag="status",
        summary="Prometheus metrics",
        responses={200: ResponseSpec("The metrics.", {"type": "string"}, "text/plain")},
    ),
)


class HealthEndpoints:
    """``not_ready_reason`` says why the process is not ready, None when it is; ``update_gauges`` sets gauges.

    ``details`` is what else readiness tells. A rules folder that was refused stands there, and the
    process stays ready: it runs on the rules of before, and a typo must not take a fleet down.
    """

    def __init__(
        self,
        metrics: Metrics,
        *,
        not_ready_reason: Callable[[], Awaitable[str | None]],
        update_gauges: Callable[[], Awaitable[None]],
        details: Callable[[], Mapping[str, Any]],
    ) -> None:
        self._metrics = metrics
        self._not_ready_reason = not_ready_reason
        self._update_gauges = update_gauges
        self._details = details

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/healthz", self.health),
            web.get("/readyz", self.readiness),
            web.get("/metrics", self.metrics),
        ]

    async def health(self, _request: web.Request) -> web.Response:
        """The process runs its loop. Never asks Redis: a restart would not bring that back."""
        return _json(200, {"status": "alive"})

    async def readiness(self, _request: web.Request) -> web.Response:
        """Whether to send events here."""
        not_ready_reason = await self._not_ready_reason()
        if not_ready_reason is None:
            return _json(200, {"status": "ready", **self._details()})
        return _json(503, {"status": "not ready", "reason": not_ready_reason, **self._details()})

    async def metrics(self, request: web.Request) -> web.Response:
        """Prometheus metrics, the store's gauges as of now."""
        await self._update_gauges()
        body, content_type = self._metrics.exposition(request.headers.get("Accept", ""))
        return web.Response(body=body, headers={"Content-Type": content_type})


def _json(status: int, answer: Mapping[str, Any]) -> web.Response:
    return web.Response(
        status=status, body=msgspec.json.encode(answer), content_type="application/json"
    )
