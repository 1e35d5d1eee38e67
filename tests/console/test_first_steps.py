"""The steps to a Twilio sink, and which of them have been seen."""

import shlex

import pytest

from router.cli import main
from router.console.first_steps import sink_guide
from router.journal.twilio_tests import SinkTest

TEST = SinkTest(test_id="EW1", account_sid="AC1", received_at=1.0)
URL = "https://router.example.com/twilio"


@pytest.mark.parametrize(
    ("url", "has_token", "latest_test", "has_events", "done"),
    [
        ("", False, None, False, [False, False, False]),
        (URL, False, None, False, [False, False, False]),
        (URL, True, None, False, [True, False, False]),
        (URL, True, TEST, False, [True, True, False]),
        (URL, True, TEST, True, [True, True, True]),
    ],
)
def test_a_step_is_done_when_it_has_been_seen(
    url: str,
    *,
    has_token: bool,
    latest_test: SinkTest | None,
    has_events: bool,
    done: list[bool],
) -> None:
    guide = sink_guide(url, has_token=has_token, latest_test=latest_test, has_events=has_events)

    assert [step.is_done for step in guide.steps] == done


def test_the_command_has_the_url_of_the_sink_and_what_is_not_set_is_named() -> None:
    first, connect, *_ = sink_guide("", has_token=False, latest_test=None, has_events=False).steps
    known = sink_guide(URL, has_token=True, latest_test=None, has_events=False).steps

    assert [each.split("=")[0] for each in first.commands] == [
        "export ROUTER_TWILIO_AUTH_TOKENS",
        "export ROUTER_PUBLIC_URL",
    ]
    assert "--url https://events.example.com/twilio " in connect.commands[-1]
    assert shlex.split(known[1].commands[-1]) == [
        "router",
        "twilio",
        "connect",
        "--url",
        URL,
        "--voice-insights",
    ]


def test_the_command_exists() -> None:
    """The page shows a command that can be pasted: its options are those of the command line."""
    steps = sink_guide(URL, has_token=True, latest_test=None, has_events=False).steps
    words = shlex.split(steps[1].commands[-1])
    command = main.get_command(None, "twilio").get_command(None, "connect")
    offered = {option for each in command.params for option in each.opts}

    assert {word for word in words if word.startswith("--")} <= offered
