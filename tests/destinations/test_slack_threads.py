"""The kind slack with a bot token: messages, threads, and Slack's replies."""

import re
from itertools import count
from typing import Any

import msgspec
import pytest
from contracts.destination import PLANTED, ConnectingContract, attempt
from slack_sdk.models.blocks import Block
from support.golden import golden
from support.sinks import HttpSink, Reply

from router.alerts import AlertKey, AlertStatus, Delivered, Failed, Refused
from router.datatypes import Duration, Secret
from router.destinations.slack import SlackConfig, SlackDestination

KEY = AlertKey("ak_0123456789abcdef01234567")


class Slack(HttpSink):
    """Slack's Web API: each post gets a ``ts``; all calls succeed unless scripted otherwise."""

    def __init__(self, *script: Reply) -> None:
        super().__init__(*script)
        self._numbers = count(1)

    def reply_to(self, _request):
        return said(ok=True, channel="C042", ts=f"170000000{next(self._numbers)}.000100")

    @property
    def calls(self) -> list[tuple[str, Any]]:
        return [(each.path.removeprefix("/api/"), each.json()) for each in self.requests]


def said(**answer: object) -> Reply:
    return Reply(200, msgspec.json.encode(answer))


class Store:
    """A store in this process."""

    def __init__(self) -> None:
        self.kept: dict[str, tuple[bytes, float]] = {}

    async def get(self, key: str) -> bytes | None:
        return self.kept[key][0] if key in self.kept else None

    async def put(self, key: str, value: bytes, *, seconds: float) -> None:
        self.kept[key] = (value, seconds)

    async def delete(self, key: str) -> None:
        self.kept.pop(key, None)


def config(port: int, **more: object) -> SlackConfig:
    settings = {"token": Secret("xoxb-1"), "channel": "C042"} | more
    return SlackConfig(api_url=f"http://127.0.0.1:{port}/api/", **settings)


class TestContract(ConnectingContract):
    flood_beginning = b"HTTP/1.1 200 OK\r\nContent-Length: 10485760\r\n\r\n"
    greeting = b"HTTP"

    def accepting(self):
        return Slack()

    def config(self, port: int, timeout: float) -> SlackConfig:
        return config(port, token=Secret(f"xoxb-{PLANTED}"), timeout=Duration(timeout))

    def arrived(self, far: HttpSink) -> list[bytes]:
        return [request.body for request in far.requests]


@pytest.fixture
def stored(environment):
    return msgspec.structs.replace(environment, store=Store())


@pytest.fixture
def keyed(delivery):
    """The delivery of an alert with this key."""

    def make(**alert):
        changed = msgspec.structs.replace(delivery.alert, key=KEY, **alert)
        return msgspec.structs.replace(delivery, alert=changed)

    return make


async def test_a_message_goes_to_the_channel_with_the_token(environment, delivery):
    async with Slack() as slack:
        outcome = await attempt(SlackDestination("x", config(slack.port), environment), delivery)
    assert outcome == Delivered(200)
    ((method, sent),) = slack.calls
    assert (method, sent["channel"]) == ("chat.postMessage", "C042")
    assert "thread_ts" not in sent
    assert slack.requests[0].headers["authorization"] == "Bearer xoxb-1"
    assert slack.requests[0].headers["content-type"] == "application/json; charset=utf-8"


async def test_a_repeated_alert_answers_in_the_thread_and_updates_its_first_message(stored, keyed):
    async with Slack() as slack:
        destination = SlackDestination("x", config(slack.port), stored)
        await attempt(destination, keyed())
        await attempt(destination, keyed(held_back=3))
        await attempt(destination, keyed())
    methods = [method for method, _ in slack.calls]
    assert methods == ["chat.postMessage"] + ["chat.postMessage", "chat.update"] * 2
    first, second, update, third, last_update = (sent for _, sent in slack.calls)
    assert "thread_ts" not in first
    assert {second["thread_ts"], third["thread_ts"]} == {"1700000001.000100"}
    assert (update["channel"], update["ts"]) == ("C042", "1700000001.000100")
    assert (update["parse"], update["link_names"]) == ("none", False)
    assert "3 more alerts were suppressed" in text_of(second)
    assert "2 messages in the thread, the last at 2023-11-14T22:13:20.000Z." in text_of(update)
    assert "3 messages in the thread" in text_of(last_update)


async def test_the_resolved_alert_turns_the_first_message_green_and_ends_the_thread(stored, keyed):
    async with Slack() as slack:
        destination = SlackDestination("x", config(slack.port), stored)
        for status in (AlertStatus.FIRING, AlertStatus.RESOLVED, AlertStatus.FIRING):
            await attempt(destination, keyed(status=status))
    _, resolved, update, again = (sent for _, sent in slack.calls)
    assert resolved["thread_ts"] == "1700000001.000100"
    assert update["attachments"][0]["color"] == "#16a34a"
    assert text_of(update).startswith("✅ Resolved: conference-summary-timeout")
    assert "thread_ts" not in again


async def test_other_keys_and_other_destinations_have_threads_of_their_own(stored, keyed):
    other = msgspec.structs.replace(keyed().alert, key=AlertKey("ak_other"))
    async with Slack() as slack:
        await attempt(SlackDestination("x", config(slack.port), stored), keyed())
        await attempt(SlackDestination("y", config(slack.port), stored), keyed())
        delivery = msgspec.structs.replace(keyed(), alert=other)
        await attempt(SlackDestination("x", config(slack.port), stored), delivery)
    assert ["thread_ts" in sent for _, sent in slack.calls] == [False] * 3


async def test_a_thread_is_stored_for_as_long_as_configured(stored, keyed):
    async with Slack() as slack:
        settings = config(slack.port, threads=Duration(60))
        await attempt(SlackDestination("x", settings, stored), keyed())
    ((_, seconds),) = stored.store.kept.values()
    assert seconds == 60


async def test_a_thread_that_the_first_release_stored_is_continued(stored, keyed):
    async with Slack() as slack:
        destination = SlackDestination("x", config(slack.port), stored)
        written = b'{"channel":"C042","ts":"1.1","told":3}'
        await stored.store.put(f"slack-thread:x:{KEY}", written, seconds=60)
        await attempt(destination, keyed())
    (_, posted), (_, update) = slack.calls
    assert posted["thread_ts"] == "1.1"
    assert "4 messages in the thread" in text_of(update)
    assert b'"told":4' in stored.store.kept[f"slack-thread:x:{KEY}"][0]


@pytest.mark.parametrize("settings", [{"threads": Duration(0)}, {}])
async def test_without_a_store_or_without_threads_messages_stand_alone(
    settings, environment, stored, keyed
):
    used = stored if settings else environment
    async with Slack() as slack:
        destination = SlackDestination("x", config(slack.port, **settings), used)
        for _ in range(2):
            assert await attempt(destination, keyed()) == Delivered(200)
    assert ["thread_ts" in sent for _, sent in slack.calls] == [False] * 2


@pytest.mark.parametrize("word", ["thread_not_found", "message_not_found"])
async def test_a_thread_that_is_gone_is_begun_anew(word, stored, keyed):
    good = said(ok=True, channel="C042", ts="1.1")
    async with Slack(good, said(ok=False, error=word)) as slack:
        destination = SlackDestination("x", config(slack.port), stored)
        for _ in range(3):
            assert await attempt(destination, keyed()) == Delivered(200)
    posts = [sent.get("thread_ts") for method, sent in slack.calls if method == "chat.postMessage"]
    assert posts == [None, "1.1", None, "1700000001.000100"]


@pytest.mark.parametrize(
    "answer", [said(ok=False, error="edit_window_closed"), Reply(429, b"", {"Retry-After": "30"})]
)
async def test_a_first_message_that_cannot_be_updated_does_not_repeat_the_answer(
    answer, stored, keyed
):
    good = [said(ok=True, channel="C042", ts=f"1.{number}") for number in range(2)]
    async with Slack(*good, answer) as slack:
        destination = SlackDestination("x", config(slack.port), stored)
        outcomes = [await attempt(destination, keyed()) for _ in range(2)]
    assert outcomes == [Delivered(200)] * 2


async def test_a_refusal_is_the_attempts_outcome(environment, delivery):
    async with Slack(said(ok=False, error="not_in_channel")) as slack:
        outcome = await attempt(SlackDestination("x", config(slack.port), environment), delivery)
    assert outcome == Refused(
        "Slack: not_in_channel (invite the app to the channel)", 200, "not_in_channel"
    )


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (
            Reply(429, b'{"ok":false,"error":"ratelimited"}', {"Retry-After": "30"}),
            Failed(
                "HTTP 429 Too Many Requests",
                429,
                '{"ok":false,"error":"ratelimited"}',
                30.0,
                throttled=True,
            ),
        ),
        (Reply(503, b""), Failed("HTTP 503 Service Unavailable", 503)),
        (Reply(200, b"<html>"), Failed("Slack: malformed answer", 200)),
        (Reply(200, b"[]"), Failed("Slack: malformed answer", 200)),
    ],
)
async def test_answers_that_are_no_words(reply, expected, environment, delivery):
    async with Slack(reply) as slack:
        outcome = await attempt(SlackDestination("x", config(slack.port), environment), delivery)
    assert outcome == expected


@pytest.mark.parametrize("status", list(AlertStatus))
async def test_what_a_full_message_reads_like(status, linked, full):
    alert = msgspec.structs.replace(full.alert, status=status)
    async with Slack() as slack:
        destination = SlackDestination("x", config(slack.port), linked)
        await attempt(destination, msgspec.structs.replace(full, alert=alert))
        shown = destination.preview(msgspec.structs.replace(full, alert=alert)).html
    ((_, sent),) = slack.calls
    seen = msgspec.json.format(msgspec.json.encode(sent), indent=2).decode() + "\n"
    assert seen == golden(f"slack-{status}.json", seen)
    assert shown == golden(f"slack-{status}.html", shown)
    for block in [*sent["blocks"], *sent["attachments"][0]["blocks"]]:
        parsed = Block.parse(block)
        assert parsed is not None
        parsed.validate_json()
    assert not re.search("[<>]", text_of(sent))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "slack needs webhook_url, or token and channel"),
        ({"webhook_url": Secret("https://x/"), "token": Secret(PLANTED)}, "slack needs"),
        ({"webhook_url": Secret("https://x/"), "channel": "C1"}, "channel is for a token only"),
        ({"token": Secret(PLANTED)}, "channel must be the id of a channel"),
        ({"token": Secret(f"{PLANTED}\r\n"), "channel": "C1"}, "token must be the app's"),
        (
            {"token": Secret(PLANTED), "channel": "C1", "api_url": "http://slack.com/api/"},
            "api_url must begin with https://",
        ),
        (
            {"token": Secret(PLANTED), "channel": "C1", "api_url": "https://slack.com/api"},
            "end with /",
        ),
    ],
)
def test_a_wrong_configuration_says_what_would_be_right_and_no_secret(settings, message):
    with pytest.raises(ValueError, match=message) as raised:
        SlackConfig(**settings)
    assert PLANTED not in str(raised.value)


def text_of(sent: dict[str, Any]) -> str:
    """The text of a message, without its links."""
    blocks = [*sent["blocks"], *sent["attachments"][0]["blocks"]]
    return "\n".join(
        text["text"] if isinstance(text, dict) else text
        for block in blocks
        for part in [block, *block.get("fields", []), *block.get("elements", [])]
        if (text := part.get("text"))
    )
