"""The page behind a signed link: GET changes nothing, the form acts."""

from collections.abc import AsyncIterator

import aiohttp
import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from support.clock import SetClock
from support.events import alert_of, event_from

from router.alerts import AlertKey
from router.api.alert_page import AlertPages
from router.api.signed_links import LinkSigner
from router.clock import Clock
from router.datatypes import Secret
from router.destinations.contract import Links
from router.journal.acknowledgements import Acknowledgements
from router.journal.connection import Connection
from router.journal.silences import Silences

KEY = AlertKey("ak_1")
SIGNER = LinkSigner(Secret("0123456789abcdef"), "https://x", lifetime=3600.0)


@pytest.fixture
def links(sample: bytes) -> Links:
    alert = msgspec.structs.replace(alert_of(event_from(sample), rule="<b>rule</b>"), key=KEY)
    made = SIGNER.links(alert)
    return Links(*(link.removeprefix("https://x") for link in (made.acknowledge, made.silence)))


@pytest.fixture
def acknowledgements(connection: Connection) -> Acknowledgements:
    return Acknowledgements(connection)


@pytest.fixture
def silences(connection: Connection, clock: Clock) -> Silences:
    return Silences(connection, clock)


@pytest.fixture
async def client(
    acknowledgements: Acknowledgements, silences: Silences, clock: Clock
) -> AsyncIterator[TestClient[web.Request, web.Application]]:
    application = web.Application()
    pages = AlertPages(SIGNER, acknowledgements, silences, clock)
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
