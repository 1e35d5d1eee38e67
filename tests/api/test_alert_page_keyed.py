"""The page of a keyed alert: its state, its history, who has it, and what destinations know."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from support.clock import SetClock
from support.events import alert_of, event_from
from support.keyed import START, put
from support.lanes import Outbox, message
from support.pages import text_of
from support.waiting import until

from router.alerts import AlertKey
from router.api.access import Access
from router.api.alert_page import AlertPages
from router.api.signed_links import LinkSigner
from router.clock import Clock
from router.datatypes import Secret
from router.destinations.contract import Links
from router.journal import keys
from router.journal.acknowledgement_receivers import AcknowledgementReceivers
from router.journal.acknowledgements import Acknowledgements
from router.journal.connection import Connection
from router.journal.keys import TimerId
from router.journal.shown_alerts import ShownAlerts
from router.journal.silences import Silences
from router.rules.state.keyed_alert import Change, LogEntry, ToldStatus
from router.settings.model import Settings

KEY = AlertKey("ak_1")
SIGNER = LinkSigner(Secret("0123456789abcdef"), "https://x", lifetime=3600.0)


@pytest.fixture
def links(sample: bytes) -> Links:
    made = SIGNER.links(msgspec.structs.replace(alert_of(event_from(sample)), key=KEY))
    given = (made.acknowledge, made.silence, made.show)
    return Links(*(link.removeprefix("https://x") for link in given))


@pytest.fixture
async def client(connection: Connection, clock: Clock) -> AsyncIterator[TestClient[Any, Any]]:
    application = web.Application()
    shown = ShownAlerts(connection, clock, lasts=60.0)
    pages = AlertPages(SIGNER, connection, shown, clock, Access(Settings()))
    application.add_routes(pages.routes())
    async with TestClient(TestServer(application)) as client:
        yield client


async def page(client: Any, link: str) -> str:
    async with client.get(link) as response:
        assert response.status == 200
        return await text_of(response)


async def submit(client: Any, link: str, action: str, name: str = "Ann") -> tuple[int, str]:
    async with client.post(link, data={"do": action, "name": name}) as response:
        return response.status, await text_of(response)


async def test_it_shows_the_state_the_history_and_what_each_destination_knows(
    client: Any, connection: Connection, clock: Clock, sample: bytes, links: Links
) -> None:
    await put(
        connection,
        sample,
        KEY,
        {"summary": "<i>{{ data.friendly_name }}</i>", "description": "Look <i>there</i>."},
        why="muted",
        ends=START + 3_600_000,
        held=2,
        count=7,
        reminders=3,
        told={"chat": ToldStatus("firing", START), "<i>mail": ToldStatus("firing", START)},
        log=[
            LogEntry(START, Change("opened")),
            LogEntry(START, Change("notified"), "chat <i>mail"),
        ],
    )
    chat = Outbox(connection, clock, "chat")
    await chat.open(message(7, key=KEY, destination="chat"))
    await chat.deliver_all()

    text = await page(client, links.show)

    assert "\n<i>Weekly Standup Meeting</i>\n" in text
    assert "\nFiring since 2023-11-14 22:13 UTC.\n" in text
    assert "\nSuppressed: muted until 2023-11-14 23:13 UTC.\n" in text
    assert "\n2 notifications were suppressed since the last one.\n" in text
    assert "\nLook <i>there</i>.\n" in text
    assert "\nEvents\n7\nReminders\n3\n" in text
    assert "\nchat\nfiring, 2023-11-14 22:13 UTC\nfiring, 2023-11-14 22:13 UTC\n" in text
    assert "\n<i>mail\nfiring, 2023-11-14 22:13 UTC\nnot yet\n" in text
    assert "\n2023-11-14 22:13:20 UTC\nnotified\nchat, <i>mail\n" in text
    assert "Acknowledge" not in text


async def test_it_is_acknowledged_told_and_given_back(
    client: Any,
    connection: Connection,
    clock: Clock,
    sample: bytes,
    links: Links,
    time: SetClock,
) -> None:
    await AcknowledgementReceivers(connection, clock).register({"chat": True})
    await put(connection, sample, KEY, told={"chat": ToldStatus("firing", START)})
    assert "Withdraw" not in await page(client, links.acknowledge)
    time.now += 60

    status, text = await submit(client, links.acknowledge, "acknowledge", "<i>Ann")
    assert (status, "\nAcknowledged by <i>Ann at 2023-11-14 22:14 UTC.\n" in text) == (200, True)
    assert "\nacknowledged\nby <i>Ann\n" in text
    ((_, told),) = await Outbox(connection, clock, "chat").in_sets()
    assert told.alert.acknowledged_by == "<i>Ann"
    assert "\nAcknowledge in my name\nWithdraw acknowledgement\n" in text

    status, text = await submit(client, links.acknowledge, "unacknowledge", "")
    assert (status, "\nAcknowledgement withdrawn\n" in text) == (200, True)
    assert "\nunacknowledged\nby unknown (alert link)\n" in text
    assert await Acknowledgements(connection).acknowledged(KEY) is None
    assert "It was not acknowledged" in (await submit(client, links.silence, "unacknowledge"))[1]


async def test_a_link_to_see_it_allows_nothing(
    client: Any, connection: Connection, sample: bytes, links: Links
) -> None:
    await put(connection, sample, KEY)
    await Acknowledgements(connection).acknowledge(KEY, "ann", START / 1000)

    for action in ("acknowledge", "unacknowledge", "1h"):
        assert (await submit(client, links.show, action))[0] == 400
    assert await Acknowledgements(connection).acknowledged(KEY) is not None


async def test_what_is_over_is_not_acknowledged(
    client: Any, connection: Connection, sample: bytes, links: Links
) -> None:
    await put(connection, sample, KEY, until=START - 60_000)

    text = await page(client, links.acknowledge)
    assert "\nResolved since 2023-11-14 22:12 UTC: no further event came.\n" in text
    assert "\nTold\nNo destination.\n" in text
    assert "Acknowledge" not in text
    _, text = await submit(client, links.acknowledge, "acknowledge")
    assert "\nNot acknowledged: it is resolved\n" in text
    assert await Acknowledgements(connection).acknowledged(KEY) is None


async def test_a_record_that_cannot_be_read_leaves_the_page_of_the_link(
    client: Any, connection: Connection, sample: bytes, links: Links
) -> None:
    await put(connection, sample, KEY)
    await connection.redis.hset(keys.keyed_alert(KEY), "record", b"\xc1")

    assert "\nAlert of the rule some-rule\n" in await page(client, links.silence)
    assert "\nAcknowledged by Ann at" in (await submit(client, links.silence, "acknowledge"))[1]


async def test_a_link_to_silence_also_resolves_it(
    client: Any, connection: Connection, sample: bytes, links: Links
) -> None:
    """Mutant: a link to acknowledge may resolve."""
    await put(connection, sample, KEY)
    timer = keys.timer(TimerId(f"resolution-{KEY}"))
    assert (await submit(client, links.acknowledge, "resolve"))[0] == 400
    assert not await connection.redis.exists(timer)

    async def work() -> None:
        await until(lambda: connection.redis.exists(timer))
        await put(connection, sample, KEY, status="resolved", resolved_at=START)

    async with asyncio.TaskGroup() as group:
        asked = group.create_task(submit(client, links.silence, "resolve"))
        group.create_task(work())

    assert "\nResolved\n" in asked.result()[1]
    _, text = await submit(client, links.silence, "resolve")
    assert "\nNot resolved: no alert of this key is open\n" in text


async def test_a_link_to_silence_also_silences_it_until_it_is_resolved(
    client: Any, connection: Connection, clock: Clock, sample: bytes, links: Links
) -> None:
    await put(connection, sample, KEY)

    _, text = await submit(client, links.silence, "until-resolved")

    assert "\nSilenced until it is resolved\n" in text
    (stored,) = await Silences(connection, clock).all()
    assert (stored.text.until_resolved, stored.text.match) == (
        True,
        {"rule": "some-rule", "key": KEY},
    )
