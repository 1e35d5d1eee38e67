"""``/console/silences``: what is silenced, by whom, why and until when; and the form of a new silence."""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Final

import msgspec
from aiohttp import web

from router.alerts import Severity
from router.api.access import audit_entry, caller_of
from router.api.matching_alerts import MatchingAlerts, count_matching
from router.api.requests import BadRequestError
from router.api.silence_matchers import matcher_texts, parse_matchers
from router.api.silences import (
    SilenceState,
    SilenceView,
    add_silence,
    silence_details,
    silence_view,
)
from router.clock import Clock
from router.configuration.model import Configuration
from router.console.page_forms import PostedForm, form_of
from router.console.page_links import HOME
from router.console.pages import ConsoleFrame, visitor_of
from router.datatypes import Duration
from router.errors import ConditionError
from router.journal.audit import Audit, AuditAction, Audited
from router.journal.connection import Connection
from router.journal.keyed_alerts import KeyedAlerts
from router.journal.silences import Silences, StoredSilence
from router.quantities import counted
from router.rules.model import Rule
from router.rules.suppression.silence_check import matching_rules, problem_of
from router.rules.suppression.silences import Silence, SilenceText, silence
from router.rules.suppression.when_over import WhenOver
from router.timestamps import rfc3339_utc

PATH: Final = f"{HOME}/silences"
FORM: Final = f"{PATH}/new"
_TOMORROW: Final = "tomorrow"
_RESOLVED: Final = "resolved"
_CUSTOM: Final = "custom"
LASTS: Final = (
    ("1h", "1 hour"),
    ("4h", "4 hours"),
    ("24h", "24 hours"),
    (_TOMORROW, "until tomorrow, 08:00 UTC"),
    (_RESOLVED, "until the alerts are resolved"),
    (_CUSTOM, "until the time below"),
)
"""Choices of how long a silence lasts."""
_MORNING: Final = 8
_SUGGESTED: Final = 40
"""Suggestions that the form shows."""


class SilenceDraft(msgspec.Struct, frozen=True, kw_only=True):
    """The form of a silence as it is filled in."""

    matchers: str = ""
    """A matcher on each line."""
    when: str = ""
    lasts: str = "1h"
    ends: str = ""
    comment: str = ""
    drops: bool = False


class DraftResult(msgspec.Struct, frozen=True, kw_only=True):
    """The matches of a draft, or why it is not valid."""

    problem: str = ""
    said: str = ""


class ListedSilence(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the list."""

    view: SilenceView
    matchers: tuple[str, ...]


class SilencePages:
    """Handlers of silences.

    Args:
        frame: The frame of the pages.
        connection: To Redis.
        clock: Time.
        configuration: Returns the active rules; None in a process without rules.
    """

    def __init__(
        self,
        frame: ConsoleFrame,
        connection: Connection,
        clock: Clock,
        configuration: Callable[[], Configuration] | None,
    ) -> None:
        self._frame = frame
        self._silences = Silences(connection, clock)
        self._alerts = KeyedAlerts(connection)
        self._audit = Audit(connection, clock)
        self._now = clock.now
        self._configuration = configuration

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [
            self._frame.page(PATH, self.page),
            self._frame.page(FORM, self.new),
            self._frame.action(FORM, self.add),
            self._frame.action(f"{PATH}/preview", self.preview),
            self._frame.action(f"{PATH}/expire", self.expire),
        ]

    async def page(self, request: web.Request) -> web.StreamResponse:
        """Show the silences, those in force first."""
        now = self._now()
        rows = [_listed(each, now) for each in await self._silences.all()]
        rows.sort(key=lambda row: row.view.state is SilenceState.ENDED)
        return await self._frame.render(
            request,
            "silences.html.jinja",
            silences=rows,
            may_change=visitor_of(request).caller.may_change,
        )

    async def new(self, request: web.Request) -> web.StreamResponse:
        """Show the form; ``matcher`` fills in matchers, and may be repeated."""
        if not visitor_of(request).caller.may_change:
            return self._frame.redirect(request, PATH, "A viewer may not silence.", "warning")
        draft = SilenceDraft(matchers="\n".join(request.query.getall("matcher", [])))
        result = await self._tried(draft, "preview") if draft.matchers else DraftResult()
        return await self._form(request, draft, result)

    async def preview(self, request: web.Request) -> web.StreamResponse:
        """Show the form again with what it would match; nothing is added."""
        draft = _draft(form_of(request))
        return await self._form(request, draft, await self._tried(draft, "preview"))

    async def add(self, request: web.Request) -> web.StreamResponse:
        """Add the silence, or show the form again with what is wrong."""
        draft = _draft(form_of(request))
        name = visitor_of(request).shown_name
        result = await self._tried(draft, name, is_final=True)
        if result.problem:
            return await self._form(request, draft, result, HTTPStatus.BAD_REQUEST)
        text = _text(draft, name, self._now())
        stored, matching = await add_silence(self._silences, self._alerts, text, self._now)
        details = silence_details(stored)
        caller = caller_of(request)
        await self._audit.record(
            audit_entry(caller, AuditAction.SILENCED, Audited.SILENCE, stored.id, details=details)
        )
        said = f"Silenced. {self._matched(stored.compiled(), matching)}"
        return self._frame.redirect(request, PATH, said)

    async def expire(self, request: web.Request) -> web.StreamResponse:
        """End a silence now."""
        silence_id = form_of(request).text("id")
        stored = await self._silences.expire(silence_id)
        if stored is None:
            raise BadRequestError("There is no such silence.", status=HTTPStatus.NOT_FOUND)
        caller = caller_of(request)
        await self._audit.record(
            audit_entry(caller, AuditAction.EXPIRED, Audited.SILENCE, silence_id)
        )
        said = "The silence has ended. What is still open is told, unless it was to be dropped."
        return self._frame.redirect(request, PATH, said)

    async def _form(
        self,
        request: web.Request,
        draft: SilenceDraft,
        result: DraftResult,
        status: int = HTTPStatus.OK,
    ) -> web.StreamResponse:
        return await self._frame.render(
            request,
            "silence_form.html.jinja",
            status=status,
            draft=draft,
            result=result,
            lasts=LASTS,
            suggestions=list(self._suggestions())[:_SUGGESTED],
        )

    async def _tried(
        self, draft: SilenceDraft, name: str, *, is_final: bool = False
    ) -> DraftResult:
        """Return what a draft matches now, or what is wrong with it."""
        complete = msgspec.structs.replace(draft, comment=draft.comment.strip() or "preview")
        try:
            text = _text(draft if is_final else complete, name, self._now())
            problem = problem_of(text, self._rules(), self._now())
            if problem is not None:
                return DraftResult(problem=f"{problem}")
            compiled = silence("preview", text, added_at=self._now())
            matching = await count_matching(self._alerts, compiled, self._now())
        except ConditionError as error:
            hint = f" ({error.hint})" if error.hint else ""
            return DraftResult(problem=f"{error.message}{hint}")
        except ValueError as error:
            return DraftResult(problem=str(error))
        return DraftResult(said=self._matched(compiled, matching))

    def _matched(self, compiled: Silence, matching: MatchingAlerts | None) -> str:
        parts = []
        if matching is not None:
            least = "" if matching.is_complete else "at least "
            parts.append(f"{least}{counted(matching.number, 'open alert')}")
        rules = self._rules()
        if rules is not None:
            amount = sum(1 for _ in matching_rules(compiled.condition, rules))
            parts.append(f"{counted(amount, 'rule')} of {len(rules)}")
        return f"It matches {' and '.join(parts)} now." if parts else ""

    def _rules(self) -> Mapping[str, Rule] | None:
        return None if self._configuration is None else self._configuration().rules.by_name

    def _suggestions(self) -> Iterator[str]:
        """Yield matchers that the rules make sense of."""
        rules = self._rules() or {}
        yield from (f"severity={each}" for each in Severity)
        yield from sorted(
            {f"labels.{name}=" for rule in rules.values() for name in rule.naming.labels}
        )
        yield from (f"rule={name}" for name in sorted(rules))


def _listed(stored: StoredSilence, now: float) -> ListedSilence:
    view = silence_view(stored, now)
    texts = [*matcher_texts(view.match), *([view.when] if view.when else [])]
    return ListedSilence(view=view, matchers=tuple(texts))


def _draft(form: PostedForm) -> SilenceDraft:
    return SilenceDraft(
        matchers=form.text("matchers"),
        when=form.text("when"),
        lasts=form.text("lasts", "1h"),
        ends=form.text("ends").strip(),
        comment=form.text("comment").strip(),
        drops=form.has("drops"),
    )


def _text(draft: SilenceDraft, name: str, now: float) -> SilenceText:
    """Return the silence of a draft. Raises ValueError with what to write instead."""
    lines = [line.strip() for line in draft.matchers.splitlines() if line.strip()]
    match, when = parse_matchers(lines, draft.when.strip() or None)
    if not match and not when:
        raise ValueError("name what to silence: a matcher such as rule=call-quality")
    return SilenceText(
        match=match or None,
        when=when,
        ends=_ends(draft, now),
        author=name,
        comment=draft.comment,
        when_over=WhenOver.DROP if draft.drops else WhenOver.TELL,
        until_resolved=draft.lasts == _RESOLVED,
    )


def _ends(draft: SilenceDraft, now: float) -> str:
    """Return the end of a silence in RFC 3339; ``""`` if it ends when its alerts are resolved."""
    if draft.lasts == _RESOLVED:
        return ""
    if draft.lasts == _CUSTOM:
        if not draft.ends:
            raise ValueError("write when it ends, such as 2026-11-24T18:00:00Z")
        return draft.ends
    if draft.lasts == _TOMORROW:
        day = datetime.fromtimestamp(now, UTC) + timedelta(days=1)
        return day.replace(hour=_MORNING, minute=0, second=0, microsecond=0).isoformat()
    return rfc3339_utc(now + Duration.parse(draft.lasts))
