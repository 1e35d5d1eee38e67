"""``GET /api/v1/twilio-tests``: the latest test events of Twilio sinks, for sink validation."""

from typing import Final

import msgspec
from aiohttp import hdrs, web

from router.api.json_responses import json_response
from router.api.operator_routes import operator_operation, operator_route
from router.datatypes import Secret
from router.http.openapi import ResponseSpec
from router.journal.twilio_tests import SinkTest, SinkTests


class TwilioTestList(msgspec.Struct, frozen=True):
    """Test events of sinks, newest first."""

    tests: list[SinkTest]


_LIST: Final = operator_operation(
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

    def __init__(self, tests: SinkTests, token: Secret | None) -> None:
        self._tests = tests
        self._token = token

    def routes(self) -> list[web.RouteDef]:
        """Return the route, for operators only."""
        return [operator_route(_LIST, self.list, self._token)]

    async def list(self, _request: web.Request) -> web.StreamResponse:
        """Return the test events, newest first."""
        return json_response(TwilioTestList(await self._tests.latest()))
