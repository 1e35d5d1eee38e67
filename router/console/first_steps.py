"""The first steps: how an event comes to the router, as long as none has come."""

import shlex
from typing import Final

import msgspec

from router.console.overall_state import Situation
from router.console.overview_figures import OverviewReader
from router.journal.twilio_tests import SinkTest
from router.settings.model import Settings
from router.sources.twilio_signature import called_urls

SAMPLE_COMMAND: Final = "router send --sample"
_EXAMPLE: Final = "https://events.example.com"
_SINK_PATH: Final = "/twilio"


class FirstStep(msgspec.Struct, frozen=True, kw_only=True):
    """One step."""

    title: str
    text: str
    commands: tuple[str, ...] = ()
    is_done: bool = False


class SinkGuide(msgspec.Struct, frozen=True, kw_only=True):
    """The steps to a Twilio sink."""

    steps: tuple[FirstStep, ...]
    latest_test: SinkTest | None


class FirstSteps:
    """Reads what has been seen of the steps.

    Args:
        settings: The settings.
        reader: Reads the tests of sinks.
    """

    def __init__(self, settings: Settings, reader: OverviewReader) -> None:
        is_set = settings.public_url or settings.twilio_url
        self._url = _sink_url(settings.public_url, settings.twilio_url) if is_set else ""
        self._has_token = bool(settings.twilio_auth_tokens)
        self._reader = reader

    async def read(self, situation: Situation) -> SinkGuide:
        """Return the steps. Raises JournalUnavailableError."""
        tests = await self._reader.sink_tests()
        return sink_guide(
            self._url,
            has_token=self._has_token,
            latest_test=tests[0] if tests else None,
            has_events=situation.has_events,
        )


def sink_guide(
    url: str, *, has_token: bool, latest_test: SinkTest | None, has_events: bool
) -> SinkGuide:
    """Return the steps, with those that have been seen marked (pure).

    Args:
        url: The URL of the sink; ``""`` if no setting has it.
        has_token: Whether an auth token of Twilio is set.
        latest_test: The latest test event of a sink; None if there was none.
        has_events: Whether an event ever came.
    """
    texts = {
        (True, True): f"Twilio calls {url}.",
        (True, False): "Set the https URL under which Twilio calls it.",
        (False, True): f"Twilio calls {url}. Set the auth token that signs its requests.",
        (False, False): "Set the auth token that signs requests, and the https URL of the router.",
    }
    target, missing = url or f"{_EXAMPLE}{_SINK_PATH}", []
    if not has_token:
        missing.append("export ROUTER_TWILIO_AUTH_TOKENS=your-auth-token")
    if not url:
        missing.append(f"export ROUTER_PUBLIC_URL={_EXAMPLE}")
    return SinkGuide(
        latest_test=latest_test,
        steps=(
            FirstStep(
                title="Make the router reachable for Twilio",
                text=texts[has_token, bool(url)],
                commands=tuple(missing),
                is_done=not missing,
            ),
            FirstStep(
                title="Connect a sink",
                text="The test event has come."
                if latest_test is not None
                else "This creates the sink, awaits Twilio's test event, which is marked here, and"
                " subscribes the sink to event types.",
                commands=(
                    "export TWILIO_ACCOUNT_SID=AC… TWILIO_AUTH_TOKEN=your-auth-token",
                    f"router twilio connect --url {shlex.quote(target)} --voice-insights",
                ),
                is_done=latest_test is not None,
            ),
            FirstStep(
                title="Await the first event",
                text="It is shown here as soon as it was evaluated. This shows what the sink sends, and"
                " Twilio's errors about it:",
                commands=("router twilio status",),
                is_done=has_events,
            ),
        ),
    )


def _sink_url(public_url: str, twilio_url: str) -> str:
    return called_urls(public_url, _SINK_PATH, twilio_url)[0]
