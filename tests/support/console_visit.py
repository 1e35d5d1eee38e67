"""A visit of the console without a browser: pages as texts, and forms as a browser posts them."""

import html
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from html.parser import HTMLParser

import aiohttp
from yarl import URL

_TOKEN = re.compile(r'name="csrf" value="([^"]+)"')


class VisitedPage:
    """An answer, with the texts that a reader sees."""

    def __init__(self, status: int, url: URL, body: str, headers: dict[str, str]) -> None:
        self.status = status
        self.url = url
        self.body = body
        self.headers = headers

    @property
    def text(self) -> str:
        """The words of the page, with single spaces."""
        reader = _Words()
        reader.feed(self.body)
        return " ".join(" ".join(reader.words).split())

    def links(self, text: str) -> list[str]:
        """The addresses of the links with these words."""
        found = re.findall(rf'<a[^>]*href="([^"]*)"[^>]*>{re.escape(text)}</a>', self.body)
        return [html.unescape(each) for each in found]


class _Words(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []

    def handle_data(self, data: str) -> None:
        self.words.append(data)


class ConsoleVisit:
    """One login."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self._url = url
        self._csrf = ""

    async def get(self, path: str) -> VisitedPage:
        async with self._session.get(URL(self._url + path, encoded=True)) as response:
            page = await _read(response)
        found = _TOKEN.search(page.body)
        self._csrf = found[1] if found else self._csrf
        return page

    async def post(
        self, path: str, *fields: tuple[str, str], csrf: str | None = None
    ) -> VisitedPage:
        """Post a form of the page that was read last, and return the page that follows."""
        data = [("csrf", self._csrf if csrf is None else csrf), *fields]
        async with self._session.post(self._url + path, data=data) as response:
            return await _read(response)


async def _read(response: aiohttp.ClientResponse) -> VisitedPage:
    return VisitedPage(response.status, response.url, await response.text(), dict(response.headers))


@asynccontextmanager
async def visiting(url: str, token: str) -> AsyncIterator[ConsoleVisit]:
    """Log in with a token."""
    # Cookies of an address without a name are dropped otherwise.
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(cookie_jar=jar) as session:
        async with session.post(f"{url}/console/login", data={"token": token}) as response:
            assert response.url.path == "/console", await response.text()
        visit = ConsoleVisit(session, url)
        await visit.get("/console")
        yield visit
