"""Who may see and do what in the console, tried at each of its addresses."""

import re
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import hdrs
from support.running import Running, running, settings_for

from router.api.access import Access
from router.clock import system_clock
from router.console.login_attempts import AT_ONCE
from router.console.login_links import login_path
from router.datatypes import Secret
from router.journal.audit import Audit, AuditFilter
from router.journal.connection import Connection
from router.metrics import Metrics
from router.runtime.app import App
from router.runtime.roles import Roles
from router.settings.model import Settings
from router.settings.tokens import Tokens

ALICE, WALL = "correct-horse-alice", "correct-horse-wall"
OPEN = {"/console/login", "/console/"}
"""Addresses that need no login: the form itself, and one that leads to another."""
FOR_VIEWERS = {
    "/console/logout",
    "/console/playground",
    "/console/playground/download",
    "/console/playground/message",
}
"""Forms that change nothing of the router."""
ROLES = Roles(port=0, ingress=True)


@pytest.fixture
def settings(redis_url: Secret) -> Settings:
    return settings_for(
        redis_url,
        admin_token=Tokens.parse(f"alice={ALICE}"),
        viewer_token=Tokens.parse(f"wall={WALL}"),
    )


@pytest.fixture
async def process(settings: Settings) -> AsyncIterator[Running]:
    async with running(settings, ROLES) as one:
        yield one


def addresses(settings: Settings, method: str) -> list[str]:
    """Return the paths of the console's routes, with a name for each parameter."""
    routes = App(settings, ROLES, Metrics(), system_clock())._parts.console.routes
    paths = (
        re.sub(r"\{\w+(:[^}]*)?\}", "x", each.path) for each in routes if each.method == method
    )
    return sorted({path for path in paths if not path.startswith("/console/static")})


class Browser:
    """A browser without script, as far as logins need one."""

    def __init__(self, http: aiohttp.ClientSession, url: str) -> None:
        self.http = http
        self.url = url
        self.cookies: dict[str, str] = {}

    async def ask(self, method: str, path: str, **more: object) -> tuple[int, str, str]:
        """Return the status, the text and where it leads to."""
        async with self.http.request(
            method, self.url + path, allow_redirects=False, cookies=self.cookies, **more
        ) as response:
            self.cookies |= {name: each.value for name, each in response.cookies.items()}
            location = response.headers.get(hdrs.LOCATION, "")
            if response.content_type == "text/event-stream":
                return response.status, "", location
            return response.status, await response.text(), location

    async def log_in(self, token: str, wanted: str = "", **headers: str) -> tuple[int, str]:
        data = {"token": token, "next": wanted}
        named = {"Sec-Fetch-Site": headers.get("site", "same-origin")}
        status, _, location = await self.ask("POST", "/console/login", data=data, headers=named)
        return status, location

    async def csrf(self) -> str:
        _, page, _ = await self.ask("GET", "/console")
        found = re.search(r'name="csrf" value="([0-9a-f]+)"', page)
        assert found is not None
        return found[1]


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        yield session


async def actions(connection: Connection) -> list[tuple[str, str, str]]:
    page = await Audit(connection, system_clock()).page(AuditFilter(), limit=100)
    return [(each.entry.action, each.entry.by, each.entry.via) for each in page.items]


async def test_nothing_is_shown_or_done_without_a_login(
    process: Running, http: aiohttp.ClientSession, settings: Settings
) -> None:
    """Mutant: a page outside of the frame."""
    browser = Browser(http, process.url)
    for cookie in ("", "x", "a.b", "\udcff", "x" * 5000):
        browser.cookies = {"router_session": cookie} if cookie.isascii() else {}
        headers = {} if cookie.isascii() else {"Cookie": f"router_session={cookie}"}
        for path in addresses(settings, "GET") if cookie in {"", "a.b"} else ["/console"]:
            if path not in OPEN:
                status, text, location = await browser.ask("GET", path, headers=headers)
                assert (status, text) in {(303, ""), (401, "")}, path
                assert location.startswith("/console/login") or status == 401
    for path in addresses(settings, "POST"):
        if path not in OPEN:
            status, _, location = await browser.ask("POST", path, data={"csrf": "x"})
            assert (status, location) == (303, "/console/login"), path


@pytest.mark.fault_row(71)
async def test_a_form_needs_an_operator_and_the_token_of_its_login(
    process: Running,
    http: aiohttp.ClientSession,
    settings: Settings,
    connection: Connection,
) -> None:
    """Mutants: an action for viewers; a form whose CSRF token is not compared."""
    viewer, operator, other = (Browser(http, process.url) for _ in range(3))
    for browser, token in ((viewer, WALL), (operator, ALICE), (other, ALICE)):
        assert await browser.log_in(token) == (303, "/console")
    forms = [path for path in addresses(settings, "POST") if path not in OPEN]
    assert set(forms) >= FOR_VIEWERS

    own, others = await viewer.csrf(), await other.csrf()
    for path in forms:
        if path not in FOR_VIEWERS:
            assert (await viewer.ask("POST", path, data={"csrf": own}))[0] == 403, path
        for wrong in ({}, {"csrf": ""}, {"csrf": others}, {"csrf": own}):
            assert (await operator.ask("POST", path, data=wrong))[0] == 403, path

    assert {each[0] for each in await actions(connection)} == {"logged_in"}


async def test_a_viewer_sees_each_page(
    process: Running, http: aiohttp.ClientSession, settings: Settings
) -> None:
    viewer = Browser(http, process.url)
    await viewer.log_in(WALL)
    for path in addresses(settings, "GET"):
        status, text, _ = await viewer.ask("GET", path)
        assert status in {200, 204, 303, 400, 404}, path
        assert ALICE not in text
        assert WALL not in text


@pytest.mark.parametrize(
    ("wanted", "location"),
    [
        ("", "/console"),
        ("/console/events?type=a%2Fb", "/console/events?type=a%2Fb"),
        ("//evil.example", "/console"),
        ("https://evil.example", "/console"),
        ("/console\\evil", "/console"),
        ("/console/..//evil.example", "/console"),
        ("/consoleevil", "/console"),
        ("/console/x\r\nSet-Cookie: a=b", "/console"),
        ("/console/logout", "/console"),
    ],
)
async def test_a_login_leads_to_a_page_of_the_console(
    process: Running, http: aiohttp.ClientSession, wanted: str, location: str
) -> None:
    assert await Browser(http, process.url).log_in(ALICE, wanted) == (303, location)


async def test_logins_are_in_the_audit_trail_and_guessing_has_an_end(
    process: Running, http: aiohttp.ClientSession, connection: Connection
) -> None:
    browser = Browser(http, process.url)
    assert (await browser.log_in(ALICE, site="cross-site"))[0] == 403
    assert (await browser.log_in(ALICE))[0] == 303
    guesses = [(await browser.log_in(f"guess-{number}"))[0] for number in range(AT_ONCE)]
    assert guesses == [403] * (AT_ONCE - 1) + [429]
    assert (await browser.log_in(ALICE))[0] == 429

    found = await actions(connection)
    assert found[-1] == ("logged_in", "alice", "console")
    assert found[:-1] == [("login_failed", "", "console")] * (AT_ONCE - 1)


async def test_a_login_has_a_new_id_whatever_the_browser_had(
    process: Running, http: aiohttp.ClientSession
) -> None:
    """Session fixation: what another put into the browser is replaced, and so is its CSRF token."""
    attacker, victim = Browser(http, process.url), Browser(http, process.url)
    await attacker.log_in(WALL)
    planted = await attacker.csrf()
    victim.cookies = dict(attacker.cookies)
    await victim.log_in(ALICE)

    assert victim.cookies["router_session"] != attacker.cookies["router_session"]
    assert await victim.csrf() != planted
    assert (await attacker.ask("POST", "/-/reload"))[0] == 401


async def test_a_link_logs_in_once(
    process: Running, http: aiohttp.ClientSession, settings: Settings
) -> None:
    clock = system_clock()
    link = login_path(Access(settings), clock.now, clock.new_id)
    first, second = Browser(http, process.url), Browser(http, process.url)

    assert (await first.ask("GET", link))[::2] == (303, "/console")
    assert (await first.ask("GET", "/console"))[0] == 200
    status, text, _ = await second.ask("GET", link)
    assert (status, "was used before" in text, second.cookies) == (403, True, {})
