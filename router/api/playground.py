"""``/api/v1/playground``: tries edited rules with an event. Stores and sends nothing."""

from typing import Final

from aiohttp import hdrs, web

from router.api.access import Access
from router.api.json_responses import error_response, json_response
from router.api.operator_routes import viewer_operation, viewer_route
from router.api.playground_pool import (
    EVALUATION_SECONDS,
    PlaygroundBusyError,
    PlaygroundPool,
    PlaygroundTimeoutError,
)
from router.api.requests import BAD_BODY, BadRequestError, decode_body
from router.clock import Clock
from router.http.openapi import ResponseSpec
from router.media_types import JSON
from router.offline.playground import EVENT_LIMIT, RULES_LIMIT, PlaygroundInput, PlaygroundResult

_BODY_LIMIT: Final = 1 << 20
"""Bytes of a request, whose texts are JSON strings."""
_RETRY_AFTER: Final = "2"

_EVALUATE: Final = viewer_operation(
    hdrs.METH_POST,
    "/api/v1/playground",
    "Try rules with an event",
    {
        200: ResponseSpec("The findings, the verdicts and the messages.", PlaygroundResult),
        429: ResponseSpec(
            "Too many evaluations run at once.",
            headers={"Retry-After": "Seconds after which to try again."},
        ),
        **BAD_BODY,
    },
    description=(
        "Reads the text as a file of the rules folder and evaluates the event by its rules."
        " Nothing is stored or sent, and no variable of the environment is read."
    ),
    uses_redis=False,
    body={JSON: PlaygroundInput},
)
OPERATIONS: Final = (_EVALUATE,)
"""Descriptions of the routes."""


class Playground:
    """Tries rules with an event.

    Args:
        pool: Evaluates.
        clock: Time.
    """

    def __init__(self, pool: PlaygroundPool, clock: Clock) -> None:
        self._pool = pool
        self._now = clock.now

    async def evaluate(self, given: PlaygroundInput) -> PlaygroundResult:
        """Return what the rules would do with the event.

        Raises:
            BadRequestError: A text is too large, it takes too long, or too many ask at once.
        """
        for name, text, limit in (
            ("rules", given.rules, RULES_LIMIT),
            ("event", given.event, EVENT_LIMIT),
        ):
            if len(text.encode(errors="replace")) > limit:
                message = f"{name}: the text is larger than {limit // 1024} KiB"
                raise BadRequestError(message, status=413, code="too_large", path=f"$.{name}")
        try:
            return await self._pool.evaluate(given, now=self._now())
        except PlaygroundBusyError:
            message = "too many evaluations run at once: try again in a moment"
            raise BadRequestError(message, status=429, code="busy") from None
        except PlaygroundTimeoutError:
            message = (
                f"the evaluation took longer than {EVALUATION_SECONDS:g} s or too much memory:"
                " try fewer rules, or the text without the other files of the folder"
            )
            raise BadRequestError(message, code="too_slow") from None


class PlaygroundApi:
    """The handler.

    Args:
        playground: Does it.
        access: Who may call.
    """

    def __init__(self, playground: Playground, access: Access) -> None:
        self._playground = playground
        self._access = access

    def routes(self) -> list[web.RouteDef]:
        """Return the routes, for viewers too, because nothing changes."""
        return [viewer_route(_EVALUATE, self.evaluate, self._access)]

    async def evaluate(self, request: web.Request) -> web.StreamResponse:
        """Return what the rules would do with the event."""
        given = await decode_body(request, PlaygroundInput, limit=_BODY_LIMIT)
        try:
            return json_response(await self._playground.evaluate(given))
        except BadRequestError as error:
            if error.status != 429:
                raise
            response = error_response(error.status, error.code, str(error))
            response.headers[hdrs.RETRY_AFTER] = _RETRY_AFTER
            return response
