"""``GET /api/v1/twilio-tests``: the tests of sinks that came in last, for Twilio's validate call."""

from typing import Final

import msgspec
from aiohttp import hdrs, web

from router.api.auth import error, ok, require_operator
from router.datatypes import Secret
from router.errors import JournalUnavailableError
from router.http.openapi import OPERATOR, Operation, ResponseSpec
from router.journal.twilio_tests import SinkTest, SinkTests

PATH: Final = "/api/v1/twilio-tests"


class TwilioTestList(msgspec.Struct, frozen=True):
    """The newest tests of sinks, the newest first."""

    tests: list[SinkTest]


OPERATIONS: Final = (
    Operation(
        method=hdrs.METH_GET,
        path=PATH,
        tag="operators",
        summary="The tests of Twilio sinks that came in last",
        description="Their test_id is what Twilio asks for when a sink is validated.",
        responses={
            200: ResponseSpec("The newest hundred.", TwilioTestList),
            401: ResponseSpec("No token was sent.", headers={"WWW-Authenticate": "Bearer"}),
            403: ResponseSpec("The token is wrong, or none is configured."),
            503: ResponseSpec("Redis did not answer."),
        },
        security=(OPERATOR,),
    ),
)


class TwilioTestsApi:
    """Shows what ``SinkTests`` keeps."""

    def __init__(self, tests: SinkTests, token: Secret | None) -> None:
        self._tests = tests
        self._token = token

    def routes(self) -> list[web.RouteDef]:
        return [web.get(PATH, require_operator(self.latest, self._token))]

    async def latest(self, _request: web.Request) -> web.StreamResponse:
        """The newest first, each with the ``test_id`` that Twilio asks for."""
        try:
            return ok(TwilioTestList(await self._tests.latest()))
        except JournalUnavailableError as unavailable:
            return error(503, "journal_unavailable", str(unavailable))
