"""``/console/audit``: who did what, when and from where."""

from collections.abc import Mapping
from typing import Final

import msgspec
from aiohttp import web

from router.api.audit import AuditQuery, AuditView, audit_view, read_trail
from router.api.requests import BadRequestError
from router.clock import Clock
from router.console.empty_state import EmptyState
from router.console.filter_choices import age_choices
from router.console.page_filters import segment, sentence
from router.console.page_links import HOME
from router.console.page_queries import page_query, with_query
from router.console.pages import ConsoleFrame
from router.journal.audit import Audit, AuditAction, Audited, FoundEntries

PATH: Final = f"{HOME}/audit"
_SPANS: Final = (
    ("", "any time"),
    ("1h", "last hour"),
    ("1d", "last day"),
    ("7d", "last 7 days"),
    ("30d", "last 30 days"),
)
_PAGES: Final[Mapping[str, str]] = {
    Audited.ALERT: "alerts",
    Audited.DESTINATION: "destinations",
    Audited.DEAD_LETTERS: "dead-letters",
    Audited.QUARANTINE: "quarantine",
    Audited.SILENCE: "silences",
    Audited.EVENTS: "events",
    Audited.RULES: "rules",
}
"""The page of each kind."""
_SENTENCES: Final[Mapping[tuple[str, str], str]] = {
    (AuditAction.SILENCED, Audited.SILENCE): "added silence",
    (AuditAction.EXPIRED, Audited.SILENCE): "ended silence",
    (AuditAction.LOGGED_IN, Audited.CONSOLE): "logged in",
    (AuditAction.LOGIN_FAILED, Audited.CONSOLE): "failed to log in",
}
_SINGLE: Final = frozenset({Audited.ALERT, Audited.DESTINATION})
"""Kinds that have a page for each object."""


class AuditRow(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the list."""

    view: AuditView
    sentence: str
    """The action and its kind in words."""
    href: str
    """The page of what was acted on; ``""`` for none."""
    who: str
    """Whom the token or the machine names; else what is known of it."""


class AuditPage:
    """Handler of the page.

    Args:
        frame: The frame of the pages.
        audit: The audit trail.
        clock: Time.
    """

    def __init__(self, frame: ConsoleFrame, audit: Audit, clock: Clock) -> None:
        self._frame = frame
        self._audit = audit
        self._now = clock.now

    def routes(self) -> list[web.RouteDef]:
        """Return the route."""
        return [self._frame.page(PATH, self.page)]

    async def page(self, request: web.Request) -> web.StreamResponse:
        """Show a page of the trail, the newest first."""
        problem = ""
        query, found = AuditQuery(), FoundEntries((), "")
        try:
            query = page_query(request, AuditQuery)
            found = await read_trail(self._audit, query, self._now())
        except BadRequestError as error:
            problem = sentence(str(error))
        rows = [self._row(audit_view(each)) for each in found.items]
        is_filtered = bool(query.name or query.action or query.newer_than or query.older_than)
        return await self._frame.render(
            request,
            "audit.html.jinja",
            rows=rows,
            query=query,
            problem=problem,
            is_filtered=is_filtered,
            actions=[("", "any"), *((each.value, _words(each)) for each in AuditAction)],
            spans=age_choices(_SPANS, query.newer_than),
            names=sorted({name for row in rows for name in (row.view.by, row.view.named) if name}),
            next=with_query(PATH, query, after=found.after) if found.after else "",
            first=with_query(PATH, query, after="") if query.after else "",
            empty=None if rows or problem else _empty(query, is_cut=bool(found.after)),
        )

    def _row(self, view: AuditView) -> AuditRow:
        return AuditRow(
            view=view,
            sentence=_sentence(view),
            href=self._href(view),
            who=view.by or ("" if view.named else _unnamed(view)),
        )

    def _href(self, view: AuditView) -> str:
        page = f"{HOME}/{_PAGES.get(view.kind, '-')}"
        if not self._frame.serves(page):
            return ""
        return f"{page}/{segment(view.object)}" if view.kind in _SINGLE else page


def _sentence(view: AuditView) -> str:
    known = _SENTENCES.get((view.action, view.kind))
    return known or f"{_words(view.action)} {_words(view.kind)}"


def _words(name: str) -> str:
    """Return a word of the API as a page writes it."""
    return name.replace("_", " ")


def _unnamed(view: AuditView) -> str:
    """Return what is known of a caller whom nothing names."""
    if view.via == "link":
        return "someone with the link"
    return "someone" if view.action == AuditAction.LOGIN_FAILED else "a token without a name"


def _empty(query: AuditQuery, *, is_cut: bool) -> EmptyState:
    if is_cut:
        return EmptyState(
            title="Nothing here matches the filter", text="Older entries are on the next page."
        )
    if query.name or query.action or query.newer_than or query.older_than or query.after:
        return EmptyState(
            title="Nothing matches the filter",
            text="The trail has the newest 10,000 actions of operators, and the newest 2,000 of alert"
            " links and failed logins.",
            href=PATH,
            link="Show all",
        )
    return EmptyState(
        title="Nothing was changed yet",
        text="Each change by the console, the API, a command or the link of an alert is listed here.",
    )
