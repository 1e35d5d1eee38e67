"""The page behind a signed link: GET changes nothing, the form acts."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from support.clock import SetClock
from support.events import alert_of, event_from
from support.pages import text_of

from router.alerts import AlertKey, AlertStatus, Severity
from router.api.access import Access
from router.api.alert_page import AlertPages
from router.api.signed_links import LinkSigner
from router.clock import Clock
from router.datatypes import Secret
from router.destinations.contract import Links
from router.journal.acknowledgements import Acknowledgements
from router.journal.connection import Connection
from router.journal.shown_alerts import ShownAlerts
from router.journal.silences import Silences
from router.settings.model import Settings
from router.worker.delivery.shown_record import shown_alert

KEY = AlertKey("ak_1")
SIGNER = LinkSigner(Secret("0123456789abcdef"), "https://x", lifetime=3600.0)


@pytest.fixture
def links(sample: bytes) -> Links:
    alert = msgspec.structs.replace(alert_of(event_from(sample), rule="<b>rule</b>"), key=KEY)
    made = SIGNER.links(alert)
    given = (made.acknowledge, made.silence, made.show)
    return Links(*(link.removeprefix("https://x") for link in given))


@pytest.fixture
def acknowledgements(connection: Connection) -> Acknowledgements:
    return Acknowledgements(connection)


@pytest.fixture
def silences(connection: Connection, clock: Clock) -> Silences:
    return Silences(connection, clock)


@pytest.fixture
def shown(connection: Connection, clock: Clock) -> ShownAlerts:
    return ShownAlerts(connection, clock, lasts=3600.0)


@pytest.fixture
async def client(
    connection: Connection, shown: ShownAlerts, clock: Clock
) -> AsyncIterator[TestClient[web.Request, web.Application]]:
    application = web.Application()
    pages = AlertPages(SIGNER, connection, shown, clock, Access(Settings()))
    application.add_routes(pages.routes())
    jar = aiohttp.CookieJar(unsafe=True)
    async with TestClient(TestServer(application), cookie_jar=jar) as client:
        yield client


@pytest.mark.fault_row(71)
async def test_get_changes_nothing(
    client: TestClient[web.Request, web.Application],
    acknowledgements: Acknowledgements,
    links: Links,
) -> None:
    for method in ("GET", "HEAD"):
        async with client.request(method, links.acknowledge) as response:
            assert response.status == 200
    assert await acknowledgements.acknowledged(KEY) is None


async def test_the_form_acknowledges_and_remembers_the_name(
    client: TestClient[web.Request, web.Application],
    acknowledgements: Acknowledgements,
    links: Links,
    time: SetClock,
) -> None:
    form = {"do": "acknowledge", "name": ' Ann "the\x00\n cat" <x> '}
    async with client.post(links.acknowledge, data=form) as response:
        assert response.status == 200
        assert "Acknowledged" in await response.text()
    found = await acknowledgements.acknowledged(KEY)
    assert found is not None
    assert (found.by, found.at) == ('Ann "the cat" <x>', time.now)

    async with client.get(links.silence) as response:
        assert 'value="Ann &quot;the cat&quot; &lt;x&gt;"' in await response.text()


async def test_the_name_is_optional(
    client: TestClient[web.Request, web.Application],
    acknowledgements: Acknowledgements,
    links: Links,
) -> None:
    async with client.post(links.acknowledge, data={"do": "acknowledge"}) as response:
        assert response.status == 200
        assert "Set-Cookie" not in response.headers
    found = await acknowledgements.acknowledged(KEY)
    assert found is not None
    assert found.by == "unknown (alert link)"


@pytest.fixture
def tell(shown: ShownAlerts, sample: bytes) -> Callable[..., Awaitable[None]]:
    """Record that people were told of an alert of that key."""

    async def tell(**changes: object) -> None:
        named = sample.replace(b"Weekly Standup Meeting", b"<i>Stand-up</i> & 3 < 4")
        alert = alert_of(event_from(named), rule="r")
        fields: dict[str, Any] = {"key": KEY, "summary": "{{ data.friendly_name }} timed out"}
        await shown.record(shown_alert(msgspec.structs.replace(alert, **(fields | changes))))

    return tell


@pytest.mark.parametrize("link", ["acknowledge", "silence", "show"])
async def test_the_page_shows_the_alert(
    client: TestClient[web.Request, web.Application],
    links: Links,
    tell: Callable[..., Awaitable[None]],
    link: str,
) -> None:
    """Case O20: the summary, what it is about, since when, and who takes care of it."""
    await tell(
        severity=Severity.CRITICAL, labels={"team": "voice"}, description="Never <b>left</b>."
    )
    async with client.get(getattr(links, link)) as response:
        text = await text_of(response)
    assert "\n<i>Stand-up</i> & 3 < 4 timed out\n" in text
    assert "\nFiring since 2023-11-14 22:13 UTC.\n" in text
    assert "\nSeverity\ncritical\n" in text
    assert "\nLabels\nteam=voice\n" in text
    assert "\nNever <b>left</b>.\n" in text
    assert "Acknowledged" not in text.replace("Acknowledge\n", "")


async def test_the_page_says_who_acknowledged_and_when(
    client: TestClient[web.Request, web.Application],
    links: Links,
    tell: Callable[..., Awaitable[None]],
    time: SetClock,
) -> None:
    """Case O20."""
    await tell()
    time.now += 120
    form = {"do": "acknowledge", "name": "<b>Ann</b>"}
    async with client.post(links.acknowledge, data=form) as response:
        assert "Acknowledged by <b>Ann</b> at 2023-11-14 22:15 UTC." in await text_of(response)
    async with client.get(links.show) as response:
        text = await text_of(response)
    assert "Acknowledged by <b>Ann</b> at 2023-11-14 22:15 UTC." in text

    await tell(status=AlertStatus.RESOLVED, raised_at=time.now)
    async with client.get(links.show) as response:
        assert "Resolved since 2023-11-14 22:15 UTC." in await text_of(response)

    await tell(raised_at=time.now + 600)
    async with client.get(links.show) as response:
        text = await text_of(response)
    assert "Firing since 2023-11-14 22:25 UTC." in text
    assert "An earlier alert of this key was acknowledged by <b>Ann</b>" in text


async def test_a_link_to_see_an_alert_has_no_form_and_allows_nothing(
    client: TestClient[web.Request, web.Application],
    acknowledgements: Acknowledgements,
    silences: Silences,
    links: Links,
) -> None:
    async with client.get(links.show) as response:
        assert response.status == 200
        assert "<form" not in await response.text()
    for action in ("acknowledge", "1h"):
        async with client.post(links.show, data={"do": action}) as response:
            assert response.status == 400
    assert await acknowledgements.acknowledged(KEY) is None
    assert await silences.all() == []


@pytest.mark.parametrize(("span", "seconds"), [("1h", 3600), ("8h", 28800), ("24h", 86400)])
async def test_a_link_to_silence_silences_for_the_time_that_is_chosen(
    client: TestClient[web.Request, web.Application],
    silences: Silences,
    links: Links,
    time: SetClock,
    span: str,
    seconds: float,
) -> None:
    async with client.post(links.silence, data={"do": span, "name": "Ann"}) as response:
        assert response.status == 200
    (posted,) = await silences.all()
    assert posted.text.author == "Ann"
    compiled = posted.compiled()
    assert compiled.ends == time.now + seconds
    for key, silent in ((KEY, True), ("ak_other", False)):
        alert = {"rule": "<b>rule</b>", "key": key, "severity": "info", "labels": {}}
        assert compiled.matches({"alert": alert}, time.now) is silent


@pytest.mark.fault_row(71)
@pytest.mark.parametrize("wanted", ["1h", "forever", ""])
async def test_a_link_to_acknowledge_allows_nothing_else(
    client: TestClient[web.Request, web.Application],
    silences: Silences,
    links: Links,
    wanted: str,
) -> None:
    """Mutant: a link to acknowledge may silence."""
    async with client.post(links.acknowledge, data={"do": wanted}) as response:
        assert response.status == 400
    assert await silences.all() == []


async def test_an_invalid_form_is_rejected(
    client: TestClient[web.Request, web.Application],
    acknowledgements: Acknowledgements,
    links: Links,
) -> None:
    for request in (
        {"json": {"do": "acknowledge"}},
        {"data": {"do": "acknowledge", "name": "x" * 5000}},
        {"data": {f"field{number}": "x" for number in range(20)}},
    ):
        async with client.post(links.acknowledge, **request) as response:  # type: ignore[arg-type]
            assert response.status == 400
    assert await acknowledgements.acknowledged(KEY) is None


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_an_expired_or_forged_link_says_so(
    client: TestClient[web.Request, web.Application], links: Links, time: SetClock, method: str
) -> None:
    async with client.request(method, links.acknowledge[:-1] + "!") as response:
        assert response.status == 404
    time.now += 3600
    async with client.request(method, links.acknowledge) as response:
        assert response.status == 410


@pytest.mark.fault_row(71)
async def test_the_page_has_no_script_no_frame_and_no_referrer(
    client: TestClient[web.Request, web.Application], links: Links
) -> None:
    """Mutant: the page of an alert shows its rule as HTML."""
    async with client.get(links.silence) as response:
        text = await response.text()
        policy = response.headers["Content-Security-Policy"]
        assert response.headers["Referrer-Policy"] == "no-referrer"
        assert response.headers["Cache-Control"] == "no-store"
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "<script" not in text
    assert "<b>rule</b>" not in text
    assert "&lt;b&gt;rule&lt;/b&gt;" in text


async def test_one_link_has_one_silence_however_often_it_is_used(
    client: TestClient[web.Request, web.Application],
    silences: Silences,
    links: Links,
    time: SetClock,
) -> None:
    """Mutant: a new id for each; one link filled all 1,000 silences."""
    for span in ("24h", "1h", "8h") * 5:
        time.now += 1
        async with client.post(links.silence, data={"do": span, "name": "Ann"}) as response:
            assert response.status == 200

    (posted,) = await silences.all()
    assert posted.compiled().ends == pytest.approx(time.now + 8 * 3600)
