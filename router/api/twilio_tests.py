"""``GET /api/v1/twilio-tests``: the tests of sinks that came in last, for Twilio's validate call."""

from typing import Final

from aiohttp import web

from router.api.access import error, ok, operators_only
from router.errors import JournalUnavailableError
from router.journal.sink_tests import SinkTests
from router.values import Secret

PATH: Final = "/api/v1/twilio-tests"


class TwilioTests:
    """Shows what ``SinkTests`` keeps."""

    def __init__(self, tests: SinkTests, token: Secret | None) -> None:
        self._tests = tests
        self._token = token

    def routes(self) -> list[web.RouteDef]:
        return [web.get(PATH, operators_only(self.latest, self._token))]

    async def latest(self, _request: web.Request) -> web.StreamResponse:
        """The newest first, each with the ``test_id`` that Twilio asks for."""
        try:
            return ok({"tests": await self._tests.latest()})
        except JournalUnavailableError as unavailable:
            return error(503, "journal_unavailable", str(unavailable))
