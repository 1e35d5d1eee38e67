"""``GET /api/v1/twilio-tests``: the latest test events of Twilio sinks, for sink validation."""

from typing import Final

import msgspec
from aiohttp import hdrs, web

from router.api.access import Access
from router.api.json_responses import json_response
from router.api.operator_routes import viewer_operation, viewer_route
from router.http.openapi import ResponseSpec
from router.journal.twilio_tests import SinkTest, SinkTests


class TwilioTestList(msgspec.Struct, frozen=True):
    """Test events of sinks, newest first."""

    tests: list[SinkTest]


_LIST: Final = viewer_operation(
    hdrs.METH_GET,
    "/api/v1/twilio-tests",
    "List the latest test events of Twilio sinks",
    {200: ResponseSpec("The newest hundred.", TwilioTestList)},
    description="Twilio asks for the test_id when a sink is validated.",
)
OPERATIONS: Final = (_LIST,)
"""Description of the route."""


class TwilioTestsApi:
    """Handler of the list of test events."""

    def __init__(self, tests: SinkTests, access: Access) -> None:
        self._tests = tests
        self._access = access

    def routes(self) -> list[web.RouteDef]:
        """Return the route, for viewers too."""
        return [viewer_route(_LIST, self.list, self._access)]

    async def list(self, _request: web.Request) -> web.StreamResponse:
        """Return the test events, newest first."""
        return json_response(TwilioTestList(await self._tests.latest()))
