"""The kind slack with a bot token: messages, threads, and Slack's replies."""

import asyncio
import re
from typing import Any

import msgspec
import pytest
from contracts.destination import PLANTED, ConnectingContract, attempt
from slack_sdk.models.blocks import Block
from support.golden import golden
from support.sinks import HttpSink, Reply
from support.slack import Slack, said

from router.alerts import AlertKey, AlertStatus, Delivered, Failed, Refused
from router.datatypes import Duration, Secret
from router.destinations.slack import SlackDestination
from router.destinations.slack_config import ChatServer, SlackConfig
from router.destinations.slack_errors import THREAD_GONE

KEY = AlertKey("ak_0123456789abcdef01234567")


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
    assert update["text"].startswith("✅ Resolved: conference-summary-timeout: Conference")
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
    written = b'{"channel":"C042","ts":"1.1","told":3}'
    await stored.store.put(f"slack-thread:x:{KEY}", written, seconds=60)
    async with Slack() as slack:
        slack.standing["1.1"] = {}
        await attempt(SlackDestination("x", config(slack.port), stored), keyed())
        moved = config(slack.port, channel="C043")
        await attempt(SlackDestination("x", moved, stored), keyed())
    assert [sent.get("thread_ts") for sent in slack.posts] == ["1.1", None]


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


@pytest.mark.parametrize("word", sorted(THREAD_GONE))
async def test_a_thread_that_is_gone_is_begun_anew(word, stored, keyed):
    async with Slack() as slack:
        destination = SlackDestination("x", config(slack.port), stored)
        await attempt(destination, keyed())
        slack.script.append(said(ok=False, error=word))
        for _ in range(2):
            assert await attempt(destination, keyed()) == Delivered(200)
    first, last = "1700000001.000100", "1700000002.000100"
    assert [sent.get("thread_ts") for sent in slack.posts] == [None, first, None, last]


async def test_a_reply_to_a_deleted_message_begins_the_next_thread(stored, keyed):
    """Case D6: Slack posts it into the channel, and says so only by the missing thread_ts."""
    async with Slack() as slack:
        destination = SlackDestination("x", config(slack.port), stored)
        await attempt(destination, keyed())
        del slack.standing["1700000001.000100"]
        outcomes = [await attempt(destination, keyed()) for _ in range(3)]
    assert outcomes == [Delivered(200)] * 3
    threads = [each["thread_ts"] for each in slack.standing.values()]
    assert threads == [None, "1700000002.000100", "1700000002.000100"]
    assert {sent["ts"] for sent in slack.updates} == {"1700000002.000100"}


async def test_the_end_of_a_deleted_thread_ends_it(stored, keyed):
    """Case D6: a resolved message that stands alone begins no thread."""
    async with Slack() as slack:
        destination = SlackDestination("x", config(slack.port), stored)
        await attempt(destination, keyed())
        slack.standing.clear()
        for status in (AlertStatus.RESOLVED, AlertStatus.FIRING):
            await attempt(destination, keyed(status=status))
    assert [each["thread_ts"] for each in slack.standing.values()] == [None, None]
    assert len(stored.store.kept) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"channel": "C043"},
        {"token": Secret("xoxb-another-workspace")},
    ],
)
async def test_a_destination_that_moved_begins_new_threads(change, stored, keyed):
    """Case D7: another channel, an archived old one, another workspace."""
    async with Slack() as slack:
        await attempt(SlackDestination("x", config(slack.port), stored), keyed())
        outcome = await attempt(
            SlackDestination("x", config(slack.port, **change), stored), keyed()
        )
    assert outcome == Delivered(200)
    _, moved = slack.posts
    assert (moved["channel"], "thread_ts" in moved) == (change.get("channel", "C042"), False)
    assert slack.updates == []
    assert not [key for key in stored.store.kept if "xoxb" in key]


async def test_a_destination_that_moved_back_continues_its_thread(stored, keyed):
    """Case D7: each channel has a thread of its own."""
    async with Slack() as slack:
        for channel in ("C042", "C043", "C042"):
            moved = config(slack.port, channel=channel)
            await attempt(SlackDestination("x", moved, stored), keyed())
    assert [sent.get("thread_ts") for sent in slack.posts] == [None, None, "1700000001.000100"]


async def test_two_alerts_at_once_make_one_thread(stored, keyed):
    """Case D13: the second waits for the thread of the first."""
    async with Slack() as slack:
        destination = SlackDestination("x", config(slack.port), stored)
        await destination.open()
        async with asyncio.TaskGroup() as group:
            for _ in range(5):
                group.create_task(destination.attempt(keyed()))
        await destination.close()
    first, *others = [sent.get("thread_ts") for sent in slack.posts]
    assert (first, set(others)) == (None, {"1700000001.000100"})


async def test_a_repeat_is_seen_in_the_channel_and_the_first_message_keeps_its_text(stored, keyed):
    """Case D13: a rule without resolve fires again five days later."""
    async with Slack() as slack:
        destination = SlackDestination("x", config(slack.port), stored)
        await attempt(destination, keyed(summary="The first conference"))
        await attempt(destination, keyed(summary="The second conference"))
    first, second = slack.posts
    assert "reply_broadcast" not in first
    assert second["reply_broadcast"] is True
    (update,) = slack.updates
    assert "The first conference" in text_of(update)
    assert "The first conference" in update["text"]
    assert "The second conference" not in str(update)
    assert update["attachments"][0]["color"] == first["attachments"][0]["color"]


@pytest.mark.parametrize(
    ("statuses", "shown"),
    [
        ("fr", [False, False]),
        ("ffr", [False, True, True]),
    ],
)
async def test_the_end_is_seen_in_the_channel_if_a_repeat_was(statuses, shown, stored, keyed):
    """Case D13: what people saw last in the channel is what is the case."""
    async with Slack() as slack:
        destination = SlackDestination("x", config(slack.port), stored)
        for letter in statuses:
            status = {"f": AlertStatus.FIRING, "r": AlertStatus.RESOLVED}[letter]
            await attempt(destination, keyed(status=status))
    assert ["reply_broadcast" in sent for sent in slack.posts] == shown


async def test_a_reminder_is_seen_in_the_channel_and_the_end_turns_its_thread_green(stored, keyed):
    """The thread of the first message is lost, so that a reminder begins a new one."""
    async with Slack() as slack:
        destination = SlackDestination("x", config(slack.port), stored)
        await attempt(destination, keyed(reminder=1))
        await attempt(destination, keyed(reminder=2))
        await attempt(destination, keyed(status=AlertStatus.RESOLVED))
    first, second, _ = slack.posts
    assert text_of(first).startswith("🟠 Still firing: conference-summary-timeout")
    assert (second["thread_ts"], second["reply_broadcast"]) == ("1700000001.000100", True)
    green = slack.updates[-1]
    assert text_of(green).startswith("✅ Resolved: conference-summary-timeout")
    assert green["text"].startswith("✅ Resolved: conference-summary-timeout: Conference")


async def test_without_broadcast_replies_stay_in_the_thread(stored, keyed):
    async with Slack() as slack:
        destination = SlackDestination("x", config(slack.port, broadcast=False), stored)
        for status in (AlertStatus.FIRING, AlertStatus.FIRING, AlertStatus.RESOLVED):
            await attempt(destination, keyed(status=status))
    assert [sent for sent in slack.posts if "reply_broadcast" in sent] == []


async def test_an_acknowledgement_is_told_in_the_thread_and_in_its_first_message(stored, keyed):
    async with Slack() as slack:
        destination = SlackDestination("x", config(slack.port), stored)
        await attempt(destination, keyed())
        told = {"status": AlertStatus.ACKNOWLEDGED, "acknowledged_by": "<b>Ann</b> *x*"}
        await attempt(destination, keyed(**told))
        await attempt(destination, keyed())
    first, reply, _ = slack.posts
    assert reply["thread_ts"] == "1700000001.000100"
    assert "reply_broadcast" not in reply
    by = "Acknowledged by &lt;b&gt;Ann&lt;/b&gt; \u2217x\u2217."
    assert by in text_of(reply)
    update, later = slack.updates
    assert by in text_of(update)
    assert update["attachments"][0]["color"] == first["attachments"][0]["color"]
    assert "Acknowledged" not in text_of(later)


async def test_the_first_message_of_an_alert_that_stands_alone_is_not_stored(stored, keyed):
    """There may be one for each event, and none of them is repeated."""
    alone = keyed()
    alone = msgspec.structs.replace(
        alone, alert=msgspec.structs.replace(alone.alert, key=AlertKey(alone.alert.id))
    )
    told = msgspec.structs.replace(
        alone, alert=msgspec.structs.replace(alone.alert, status=AlertStatus.ACKNOWLEDGED)
    )
    async with Slack() as slack:
        destination = SlackDestination("x", config(slack.port), stored)
        await attempt(destination, alone)
        ((record, _),) = stored.store.kept.values()
        await attempt(destination, told)
    assert len(record) < 150
    assert [sent.get("thread_ts") for sent in slack.posts] == [None, "1700000001.000100"]
    assert slack.updates == []


async def test_an_acknowledgement_without_a_thread_begins_none(stored, keyed):
    async with Slack() as slack:
        destination = SlackDestination("x", config(slack.port), stored)
        await attempt(destination, keyed(status=AlertStatus.ACKNOWLEDGED))
    assert stored.store.kept == {}
    assert text_of(slack.posts[0]).startswith("\U0001f7e3 Acknowledged: conference-summary-timeout")


TEMPORARY = [
    Reply(429, b"", {"Retry-After": "30"}),
    Reply(503, b""),
    said(ok=False, error="fatal_error"),
]


@pytest.mark.parametrize("answer", [*TEMPORARY, said(ok=False, error="edit_window_closed")])
@pytest.mark.parametrize("status", list(AlertStatus))
async def test_an_update_that_fails_neither_fails_nor_repeats_the_message(
    answer, status, stored, keyed
):
    """Case D13: to post and to update are separate effects."""
    async with Slack() as slack:
        slack.update_replies = [answer] * 20
        destination = SlackDestination("x", config(slack.port, timeout=Duration(0.9)), stored)
        await attempt(destination, keyed())
        outcome = await attempt(destination, keyed(status=status))
    assert outcome == Delivered(200)
    assert len(slack.posts) == 2


async def test_the_end_waits_for_a_rate_limited_update(stored, keyed):
    """Case D13: no later message would turn the first one green."""
    async with Slack() as slack:
        slack.update_replies = [Reply(429, b"", {"Retry-After": "0"})]
        destination = SlackDestination("x", config(slack.port), stored)
        for status in (AlertStatus.FIRING, AlertStatus.RESOLVED):
            await attempt(destination, keyed(status=status))
    assert slack.standing["1700000001.000100"]["attachments"][0]["color"] == "#16a34a"
    assert len(slack.posts) == 2
    assert stored.store.kept == {}


async def test_an_update_that_came_too_late_is_made_up_for_by_the_next_alert(stored, keyed):
    """Case D13: the first message of an ended thread turns green before a new thread begins."""
    async with Slack() as slack:
        slack.update_replies = [Reply(429, b"", {"Retry-After": "600"})]
        destination = SlackDestination("x", config(slack.port), stored)
        for status in (AlertStatus.FIRING, AlertStatus.RESOLVED, AlertStatus.FIRING):
            await attempt(destination, keyed(status=status))
    assert slack.standing["1700000001.000100"]["attachments"][0]["color"] == "#16a34a"
    assert [sent.get("thread_ts") for sent in slack.posts] == [None, "1700000001.000100", None]


@pytest.mark.parametrize(
    "record", [b"", b"\xff", b"{", b"{}", b"\x80", b"\x82\xa7channel\xa4C042\xa2ts\xa31.1"]
)
async def test_a_record_that_cannot_be_read_loses_no_message(record, stored, keyed):
    async with Slack() as slack:
        destination = SlackDestination("x", config(slack.port), stored)
        await attempt(destination, keyed())
        (key,) = stored.store.kept
        stored.store.kept[key] = (record, 60.0)
        assert await attempt(destination, keyed()) == Delivered(200)


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
        (
            {"webhook_url": Secret("https://x/"), "threads": Duration(60)},
            "threads is for a token only",
        ),
        (
            {"webhook_url": Secret("https://x/"), "broadcast": False},
            "broadcast is for a token only",
        ),
        ({"token": Secret(PLANTED)}, "channel must be the id of a channel"),
        ({"token": Secret(f"{PLANTED}\r\n"), "channel": "C1"}, "token must be the app's"),
        (
            {"token": Secret(PLANTED), "channel": "C1", "api_url": "http://slack.com/api/"},
            "api_url must begin with https://",
        ),
        (
            {"token": Secret(PLANTED), "channel": "C1", "server": ChatServer.MATTERMOST},
            "server: mattermost is for a webhook_url",
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
