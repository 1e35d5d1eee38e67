import msgspec
import pytest
from contracts.destination import PLANTED, ConnectingContract, attempt
from support.sinks import HttpSink, Reply

from router.alerts import Delivered, Failed, Refused
from router.datatypes import Duration, Secret, decode_value
from router.destinations.kinds import KINDS
from router.destinations.slack import SlackConfig, SlackDestination


class TestContract(ConnectingContract):
    flood_beginning = b"HTTP/1.1 500 Oh\r\nContent-Length: 10485760\r\n\r\n"
    greeting = b"HTTP"

    def accepting(self):
        return HttpSink()

    def config(self, port: int, timeout: float) -> SlackConfig:
        url = Secret(f"http://127.0.0.1:{port}/services/T000/B000/{PLANTED}")
        return SlackConfig(webhook_url=url, timeout=Duration(timeout))

    def arrived(self, far: HttpSink) -> list[bytes]:
        return [request.body for request in far.requests]


@pytest.mark.fault_row(55, 56)
@pytest.mark.parametrize(
    ("status", "word", "expected"),
    [
        (200, "ok", Delivered),
        (400, "invalid_payload", Refused),
        (400, "user_not_found", Refused),
        (403, "action_prohibited", Refused),
        (403, "invalid_token", Refused),
        (404, "no_service", Refused),
        (404, "channel_not_found", Refused),
        (410, "channel_is_archived", Refused),
        (500, "no_text", Refused),
        (429, "rate_limited", Failed),
        (500, "rollup_error", Failed),
        (500, "", Failed),
        (503, "<html>", Failed),
        (404, "<html>", Refused),
        (302, "", Refused),
    ],
)
async def test_slacks_own_words_decide(status, word, expected, environment, delivery):
    """Mutants: no_service is retried; rollup_error is final."""
    async with HttpSink(Reply(status, word.encode())) as sink:
        destination = SlackDestination("x", TestContract().config(sink.port, 5), environment)
        outcome = await attempt(destination, delivery)
    assert type(outcome) is expected
    assert outcome.status == status


async def test_a_refusal_tells_the_next_step(environment, delivery):
    async with HttpSink(Reply(404, b"no_service\n")) as sink:
        destination = SlackDestination("x", TestContract().config(sink.port, 5), environment)
        outcome = await attempt(destination, delivery)
    assert outcome == Refused(
        "Slack: no_service (the webhook is gone, make a new one and put its URL into the"
        " destination)",
        404,
        "no_service\n",
    )


@pytest.mark.fault_row(56)
async def test_slacks_wish_to_wait_is_passed_on(environment, delivery):
    async with HttpSink(Reply(429, b"rate_limited", {"Retry-After": "30"})) as sink:
        destination = SlackDestination("x", TestContract().config(sink.port, 5), environment)
        outcome = await attempt(destination, delivery)
    assert outcome == Failed("Slack: rate_limited", 429, "rate_limited", 30.0, throttled=True)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        (f"http://hooks.slack.com/services/{PLANTED}", "must begin with https://"),
        (f"hooks.slack.com/services/{PLANTED}", "must begin with https://"),
        (f"https:///services/{PLANTED}", "must begin with https://"),
        (f"https://[{PLANTED}", "not a URL"),
        ("", "must begin with https://"),
    ],
)
def test_a_wrong_webhook_url_says_what_would_be_right_and_not_itself(url, message):
    with pytest.raises(msgspec.ValidationError, match=message) as raised:
        msgspec.convert({"webhook_url": url}, KINDS["slack"].config, dec_hook=decode_value)
    assert PLANTED not in str(raised.value)
