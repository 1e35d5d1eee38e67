import msgspec
import pytest
from contracts.destination import PLANTED, ConnectingContract, attempt
from support.golden import golden
from support.sinks import HttpSink, Reply

from router.alerts import AlertStatus, Delivered, Failed, Refused
from router.datatypes import Duration, Secret, decode_value
from router.destinations.kinds import KINDS
from router.destinations.slack import SlackDestination
from router.destinations.slack_config import ChatServer, SlackConfig


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


PAGE = b"""\xef\xbb\xbf
<!DOCTYPE html><html><head><title>Sign in</title></head><body>s3cr3t</body></html>"""


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"ok", Delivered(200)),
        (b"", Delivered(200)),
        (b'{"success":true}', Delivered(200)),
        (b'{"ok":true,"error":null}', Delivered(200)),
        (b"[]", Delivered(200)),
        (b"invalid_payload", Refused("Slack: invalid_payload", 200)),
        (b"no_service\n", Refused("Slack: no_service", 200)),
        (b"rate_limited", Failed("Slack: rate_limited", 200)),
        (b'{"ok":false,"error":"channel_is_archived"}', Refused("Slack: channel_is_archived", 200)),
        (b'{"ok":false,"error":"no_text"}', Refused("Slack: no_text", 200)),
        (b'{"ok":false,"error":"some_new_error"}', Failed("Slack: some_new_error", 200)),
        (b'{"ok":false}', Failed("Slack: the reply says that it failed", 200)),
        (b'{"success":false,"error":"[x] s3cr3t"}', Failed("Slack: the reply says", 200)),
        (b'{"error":{"code":7}}', Failed("Slack: the reply says that it failed", 200)),
        (PAGE, Failed("Slack: the reply is a web page", 200)),
        (b"<html>", Failed("Slack: the reply is a web page", 200)),
    ],
)
async def test_a_failure_in_a_200_is_none_success(body, expected, environment, delivery):
    """Case D14: receivers and proxies that answer 200 and say in the body that it failed."""
    async with HttpSink(Reply(200, body)) as sink:
        destination = SlackDestination("x", TestContract().config(sink.port, 5), environment)
        outcome = await attempt(destination, delivery)
    assert (type(outcome), outcome.status) == (type(expected), 200)
    assert getattr(outcome, "reason", "").startswith(getattr(expected, "reason", ""))
    assert "s3cr3t" not in repr(outcome)


@pytest.mark.parametrize(
    "url",
    [
        "http://mattermost:8065/hooks/x",
        "http://10.1.2.3:8065/hooks/x",
        "http://chat.internal/hooks/x",
        "https://chat.example.com/hooks/x",
        "http://[fd00::1]/hooks/x",
    ],
)
def test_a_webhook_of_a_private_server_needs_no_tls(url):
    """Case D27: Mattermost and Rocket.Chat in a private network."""
    made = msgspec.convert({"webhook_url": url}, KINDS["slack"].config, dec_hook=decode_value)
    assert made.webhook_url.reveal() == url


@pytest.mark.parametrize("server", ["mattermost", "rocketchat"])
@pytest.mark.parametrize("status", list(AlertStatus))
async def test_a_server_without_block_kit_gets_attachments(server, status, linked, full):
    """Case D27: Mattermost and Rocket.Chat do not know Block Kit, and read Markdown."""
    alert = msgspec.structs.replace(full.alert, status=status)
    delivery = msgspec.structs.replace(full, alert=alert)
    async with HttpSink(Reply(200, b'{"success":true}')) as sink:
        config = SlackConfig(webhook_url=Secret(sink.url), server=ChatServer(server))
        destination = SlackDestination("x", config, linked)
        assert await attempt(destination, delivery) == Delivered(200)
    seen = msgspec.json.format(sink.requests[0].body, indent=2).decode() + "\n"
    assert seen == golden(f"chat-{status}.json", seen)
    assert destination.preview(delivery).body + "\n" == seen
    assert "blocks" not in seen


@pytest.mark.parametrize(
    ("url", "message"),
    [
        (f"http://hooks.slack.com/services/{PLANTED}", "must begin with https://"),
        (f"hooks.slack.com/services/{PLANTED}", "must begin with https://"),
        (f"https:///services/{PLANTED}", "must begin with https://"),
        (f"https://[{PLANTED}", "not a URL"),
        ("", "must begin with https://"),
        (f"http://hooks.slack-gov.com/services/{PLANTED}", "must begin with https://"),
        (f"http://SLACK.com./services/{PLANTED}", "must begin with https://"),
        (f"ftp://mattermost/hooks/{PLANTED}", "must begin with https://"),
    ],
)
def test_a_wrong_webhook_url_says_what_would_be_right_and_not_itself(url, message):
    with pytest.raises(msgspec.ValidationError, match=message) as raised:
        msgspec.convert({"webhook_url": url}, KINDS["slack"].config, dec_hook=decode_value)
    assert PLANTED not in str(raised.value)
