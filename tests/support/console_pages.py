"""Every page of the console, in one place: for the tests of all pages, and for their screenshots."""

import html
import re
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
from aiohttp import web

from support.console_visit import ConsoleVisit


class ListedPage(msgspec.Struct, frozen=True, kw_only=True):
    """A page, and how a reader comes to it."""

    name: str
    """In file names of screenshots."""
    path: str
    """Of its route; each ``{part}`` stands for an id."""
    query: str = ""
    ids: Mapping[str, str] = {}
    """The parts of the path, where they are known."""
    found_on: str = ""
    """Otherwise the page that links to one of this path; its first link is followed."""
    is_for_operators: bool = False
    """Whether viewers are not led to it."""
    has_hostile_texts: bool = True
    """Whether the page shows a text of an event, a rule, an operator or a receiver."""


PAGES: Final = (
    ListedPage(name="overview", path="/console"),
    ListedPage(name="events", path="/console/events"),
    ListedPage(
        name="event",
        path="/console/events/{reference}",
        found_on="/console/events?rule=call-quality",
    ),
    ListedPage(name="alerts", path="/console/alerts"),
    ListedPage(
        name="alert", path="/console/alerts/{key}", found_on="/console/alerts?rule=call-quality"
    ),
    ListedPage(name="rules", path="/console/rules"),
    ListedPage(name="rule", path="/console/rules/{name}", ids={"name": "call-quality"}),
    ListedPage(name="playground", path="/console/playground", query="?rule=call-quality"),
    ListedPage(name="destinations", path="/console/destinations", has_hostile_texts=False),
    ListedPage(name="destination", path="/console/destinations/{name}", ids={"name": "tickets"}),
    ListedPage(
        name="discard",
        path="/console/destinations/{name}/discard",
        ids={"name": "tickets"},
        is_for_operators=True,
        has_hostile_texts=False,
    ),
    ListedPage(
        name="dead-letters",
        path="/console/dead-letters",
        query="?destination=tickets",
        has_hostile_texts=False,
    ),
    ListedPage(
        name="dead-letter",
        path="/console/dead-letters/{destination}/{id}",
        found_on="/console/dead-letters?destination=tickets",
    ),
    ListedPage(name="quarantine", path="/console/quarantine"),
    ListedPage(name="quarantined", path="/console/quarantine/{id}", found_on="/console/quarantine"),
    ListedPage(name="silences", path="/console/silences"),
    ListedPage(
        name="new-silence",
        path="/console/silences/new",
        query="?matcher=rule%3Dcall-quality",
        is_for_operators=True,
        has_hostile_texts=False,
    ),
    ListedPage(name="sources", path="/console/sources"),
    ListedPage(name="source", path="/console/sources/{name}", ids={"name": "github"}),
    ListedPage(name="audit", path="/console/audit"),
    ListedPage(name="inbox", path="/console/inbox"),
)
VARIANTS: Final = (
    ListedPage(name="connect", path="/console", query="?connect"),
    ListedPage(
        name="no-events",
        path="/console/events",
        query="?text=nothing",
        has_hostile_texts=False,
    ),
    ListedPage(
        name="no-alerts",
        path="/console/alerts",
        query="?state=pending",
        has_hostile_texts=False,
    ),
)
"""Pages above without what they list, or with more."""
NO_PAGES: Final = frozenset(
    {
        "/console/",  # redirects, as events/find does
        "/console/events/find",
        "/console/alerts/{key}/messages/{destination}",  # a frame of a page
        "/console/inbox/{number}/message",
        "/console/login",  # its page is the one before all others
        "/console/static/{name}",
        "/console/events/search",  # lines and numbers for scripts
        "/console/events/newer",
        "/console/live",
        "/console/{rest:.+}",  # the page of addresses that nothing has
    }
)
READS: Final = frozenset(
    {
        "/console/login",
        "/console/logout",
        "/console/playground",
        "/console/playground/message",
        "/console/playground/download",
    }
)
"""Forms that change nothing, so that viewers may post them."""


def paths_of(routes: Sequence[web.RouteDef], method: str) -> set[str]:
    """The paths of routes with a method."""
    return {route.path for route in routes if route.method == method}


async def address_of(listed: ListedPage, visit: ConsoleVisit) -> str:
    """The address of a page; of one with an id, the first that its list links to."""
    if not listed.found_on:
        return listed.path.format(**listed.ids) + listed.query
    pattern = re.sub(r"\\{\w+\\}", "[^/?#]+", re.escape(listed.path))
    body = (await visit.get(listed.found_on)).body
    found = [
        html.unescape(each)
        for each in re.findall(r'href="([^"]*)"', body)
        if re.fullmatch(pattern, html.unescape(each)) and html.unescape(each) not in _paths()
    ]
    assert found, f"{listed.found_on} has no link to {listed.path}"
    return found[0]


def _paths() -> set[str]:
    return {each.path for each in PAGES} | NO_PAGES
