"""``/console/playground``: edit rules, choose an event, see what would come of it. Saves nothing.

The page works as a form; its script posts the form while one types. A message is shown in a frame of
its own, because mails bring their own style: the frame may run nothing and load nothing.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

import msgspec
from aiohttp import hdrs, web

from router.api.access import Role
from router.api.playground import Playground
from router.api.requests import BadRequestError
from router.configuration import files
from router.configuration.model import Configuration
from router.configuration.rule_texts import FileSource, event_types, file_source
from router.console.message_frame import framed_message
from router.console.page_forms import PostedForm, form_of
from router.console.page_links import HOME
from router.console.pages import HEADERS, ConsoleFrame
from router.console.starting_events import StartingEvents
from router.errors import RulesError
from router.events.sample import sample_text
from router.offline.explain import RuleExplanation, RuleResult, Sending
from router.offline.playground import EVENT_LIMIT, RULES_LIMIT, PlaygroundInput, PlaygroundResult
from router.quantities import counted
from router.rules.model import Rule

PATH: Final = f"{HOME}/playground"
FORM_LIMIT: Final = 4 * (EVENT_LIMIT + RULES_LIMIT)
"""Bytes of the form, in which characters may be three bytes."""
_SUGGESTED: Final = 1000
"""Names of rules that the field suggests."""
_EXAMPLE: Final = """\
# Change it, and see on the right what it would do with the event below.
rules:
  - name: my-rule
    events: [com.twilio.voice.insights.conference-summary.complete]
    when: data.detected_issues.call_quality >= 3
    severity: warning
    send_to: [{destination}]
    summary: >-
      {{{{ data.detected_issues.call_quality }}}} call quality issues in conference
      {{{{ data.friendly_name or data.conference_sid }}}}
"""
_OWN_DESTINATION: Final = """
destinations:
  on-call:
    slack: {webhook_url: "${SLACK_WEBHOOK_URL}"}
"""


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """The content of the form."""

    rules: str
    event: str
    file: str = ""
    """As in ``PlaygroundInput``."""
    alone: bool = False
    event_note: str = ""
    """The origin of the event, or why it could not be loaded."""
    start: str = ""
    """The rule or file that the draft began with."""


class _Typed(msgspec.Struct, frozen=True):
    type: str = ""


class PlaygroundPage:
    """Handlers of the playground.

    Args:
        frame: The frame of the pages.
        playground: Evaluates.
        folder: The rules folder; None in a process without rules.
        configuration: Returns the active configuration; None as above.
        events: Finds events to begin with.
    """

    def __init__(
        self,
        frame: ConsoleFrame,
        playground: Playground,
        folder: Path | None,
        configuration: Callable[[], Configuration] | None,
        events: StartingEvents,
    ) -> None:
        self._frame = frame
        self._playground = playground
        self._folder = folder
        self._configuration = configuration
        self._events = events

    def routes(self) -> list[web.RouteDef]:
        """Return the routes; viewers may use them too, because nothing changes."""
        frame = self._frame
        return [
            frame.page(PATH, self.page),
            frame.action(PATH, self.evaluate, role=Role.VIEWER, limit=FORM_LIMIT),
            frame.action(f"{PATH}/message", self.message, role=Role.VIEWER, limit=FORM_LIMIT),
            frame.action(f"{PATH}/download", self.download, role=Role.VIEWER, limit=FORM_LIMIT),
        ]

    async def page(self, request: web.Request) -> web.StreamResponse:
        """Show the page with a rule, a file or the example, and an event."""
        reference = request.query.get("event", "")
        event = await self._events.of_reference(reference) if reference else ""
        rule, file = request.query.get("rule", ""), request.query.get("file", "")
        draft = await self._start(rule or (self._rule_for(event) if not file else ""), file)
        note = ""
        if reference and not event:
            note = "The event is not in history any more, or history does not keep its body."
        if not event:
            draft, note = await self._with_last(draft, note)
        else:
            draft = msgspec.structs.replace(draft, event=event)
        return await self._render(request, msgspec.structs.replace(draft, event_note=note))

    async def evaluate(self, request: web.Request) -> web.StreamResponse:
        """Show the page with the result of a draft."""
        draft = draft_of(form_of(request))
        if form_of(request).has("last"):
            draft, note = await self._with_last(draft, "")
            draft = msgspec.structs.replace(draft, event_note=note)
        elif form_of(request).has("sample"):
            draft = msgspec.structs.replace(
                draft, event=sample_text(), event_note="Twilio's sample"
            )
        try:
            result = await self._playground.evaluate(_input(draft))
        except BadRequestError as error:
            return await self._render(request, draft, problem=str(error), status=error.status)
        return await self._render(request, draft, result)

    async def message(self, request: web.Request) -> web.StreamResponse:
        """Show one message as its reader would see it: a document for a frame."""
        form = form_of(request)
        rule, _, destination = form.text("show").partition(" ")
        result = await self._playground.evaluate(_input(draft_of(form)))
        sending = _sending(result, rule, destination)
        if sending is None:
            raise BadRequestError("there is no such message now", status=404)
        return framed_message(sending.preview, f"Message to {destination}")

    async def download(self, request: web.Request) -> web.StreamResponse:
        """Return the edited text as a file."""
        draft = draft_of(form_of(request))
        name = draft.file or "playground.yaml"
        return web.Response(
            text=draft.rules,
            content_type="application/yaml",
            headers={
                **HEADERS,
                hdrs.CONTENT_DISPOSITION: f'attachment; filename="{_file_name(name)}"',
            },
        )

    async def _render(
        self,
        request: web.Request,
        draft: Draft,
        result: PlaygroundResult | None = None,
        *,
        problem: str = "",
        status: int = 200,
    ) -> web.StreamResponse:
        return await self._frame.render(
            request,
            "playground.html.jinja",
            status=status,
            draft=draft,
            result=None if result is None else shown_result(result),
            problem=problem,
            rules=sorted(self._rules())[:_SUGGESTED],
            files=await asyncio.to_thread(self._file_names),
            has_folder=self._folder is not None,
        )

    async def _start(self, rule: str, file: str) -> Draft:
        """Return the draft that a rule or a file begins."""
        if file:
            source = await asyncio.to_thread(self._file, file)
            return Draft(rules=source.text, event="", file=file, start=file)
        if rule:
            rules = self._rules()
            if rule not in rules:
                raise BadRequestError(f"there is no rule {rule[:60]!r}", status=404)
            written = rules[rule].written
            source = await asyncio.to_thread(self._file, Path(written.file).name)
            found = next((each for each in source.rules if each.name == rule), None)
            if found is not None:
                return Draft(rules=source.alone(found), event="", start=rule)
            return Draft(rules=f"rules:\n{written.text}", event="", start=rule)
        return Draft(rules=self._example(), event="")

    def _rule_for(self, event: str) -> str:
        """Return the first rule for the type of an event; ``""`` if there is none."""
        if self._configuration is None or not event:
            return ""
        try:
            event_type = msgspec.json.decode(event, type=_Typed).type
        except msgspec.MsgspecError:
            return ""
        found = self._configuration().rules.candidates(event_type)
        return found[0].name if found else ""

    def _rules(self) -> Mapping[str, Rule]:
        return {} if self._configuration is None else self._configuration().rules.by_name

    def _example(self) -> str:
        names = sorted({name for rule in self._rules().values() for name in rule.send_to})
        if names:
            return _EXAMPLE.format(destination=names[0])
        return _EXAMPLE.format(destination="on-call") + _OWN_DESTINATION

    async def _with_last(self, draft: Draft, note: str) -> tuple[Draft, str]:
        """Return the draft with the last event of its rules' types, and where it comes from."""
        types = event_types(draft.rules)
        event = await self._events.of_types(types) if types else ""
        if event:
            return msgspec.structs.replace(draft, event=event), note or "The last one of its type"
        if not draft.event:
            draft = msgspec.structs.replace(draft, event=sample_text())
            return draft, note or "Twilio's sample"
        return draft, note or "History has no event of these types."

    def _file(self, name: str) -> FileSource:
        if self._folder is not None and name in self._file_names():
            content = files.read_content(self._folder / name)
            if isinstance(content, bytes):
                return file_source(name, content)
        raise BadRequestError(f"there is no file {name[:60]!r} in the rules folder", status=404)

    def _file_names(self) -> list[str]:
        if self._folder is None:
            return []
        try:
            return [path.name for path in files.rules_files(self._folder)]
        except RulesError:
            return []


class ShownPart(msgspec.Struct, frozen=True):
    """A piece of a condition; ``is_decider``: it decided the verdict."""

    text: str
    is_decider: bool = False


class ShownMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A message as text, and the name under which it can be shown as its reader sees it."""

    destination: str
    show: str
    """``""`` if it has no such form."""
    headers: tuple[tuple[str, str], ...]
    body: str


class ShownRule(msgspec.Struct, frozen=True, kw_only=True):
    """The verdict of a rule."""

    explained: RuleExplanation
    kind: str
    """The class of its badge."""
    word: str
    is_whole: bool
    """Whether it is shown opened, because it matched or failed."""
    condition: tuple[ShownPart, ...]
    messages: tuple[ShownMessage, ...]


class ShownResult(msgspec.Struct, frozen=True, kw_only=True):
    """A result as the page shows it."""

    of: PlaygroundResult
    kind: str
    headline: str
    rules: tuple[ShownRule, ...]


_BADGES: Final = {
    RuleResult.MATCHED: ("good", "matched"),
    RuleResult.SHADOW: ("suppressed", "matched in shadow"),
    RuleResult.NOT_MATCHED: ("paused", "did not match"),
    RuleResult.ERROR: ("critical", "no verdict"),
}


def draft_of(form: PostedForm) -> Draft:
    """Return the draft that a form has."""
    return Draft(
        rules=form.text("rules"),
        event=form.text("event"),
        file=form.text("file"),
        alone=form.has("alone"),
        start=form.text("start"),
    )


def shown_result(result: PlaygroundResult) -> ShownResult:
    """Return a result with the words of the page (pure)."""
    explained = result.explanation.rules if result.explanation is not None else ()
    shown = [_shown_rule(each) for each in explained]
    rules = tuple(sorted(shown, key=lambda each: not each.is_whole))
    kind, headline = _headline(result, rules)
    return ShownResult(of=result, kind=kind, headline=headline, rules=rules)


def _headline(result: PlaygroundResult, rules: tuple[ShownRule, ...]) -> tuple[str, str]:
    errors = sum(each.level == "error" for each in result.findings)
    if not result.is_valid:
        return "critical", f"{counted(errors, 'error')}: the rules would not be loaded"
    if result.event_problem:
        return "warning", "The rules are valid; the event is not"
    if result.explanation is None:
        return "good", "The rules are valid; without an event nothing is evaluated"
    if not rules:
        return "warning", "No rule is for events of this type"
    matched = [each for each in rules if each.kind in {"good", "suppressed"}]
    messages = sum(len(each.messages) for each in rules)
    if not matched:
        return "paused", "No rule matches"
    said = f"{counted(len(matched), 'rule')} of {len(rules)} matches" if len(matched) == 1 else ""
    said = said or f"{len(matched)} rules of {len(rules)} match"
    return "good", f"{said}, {counted(messages, 'message')}"


def _shown_rule(explained: RuleExplanation) -> ShownRule:
    kind, word = _BADGES[explained.result]
    return ShownRule(
        explained=explained,
        kind=kind,
        word=word,
        is_whole=explained.result is not RuleResult.NOT_MATCHED,
        condition=tuple(_parts(explained)),
        messages=tuple(_shown_message(explained.rule, each) for each in explained.sendings),
    )


def _parts(explained: RuleExplanation) -> Iterator[ShownPart]:
    """Yield the condition in three pieces: before, in and behind the part that decided."""
    text, decider = explained.condition, explained.decider
    if decider is None or not text:
        yield ShownPart(text)
        return
    end = decider.offset + decider.length
    yield ShownPart(text[: decider.offset])
    yield ShownPart(text[decider.offset : end], is_decider=True)
    yield ShownPart(text[end:].rstrip())


def _shown_message(rule: str, sending: Sending) -> ShownMessage:
    preview = sending.preview
    body = preview.body
    if "json" in preview.content_type:
        body = msgspec.json.format(body, indent=2)
    return ShownMessage(
        destination=sending.destination,
        show=f"{rule} {sending.destination}" if preview.html else "",
        headers=preview.headers,
        body=body,
    )


def _sending(result: PlaygroundResult, rule: str, destination: str) -> Sending | None:
    explained = result.explanation.rules if result.explanation is not None else ()
    found = (each for one in explained if one.rule == rule for each in one.sendings)
    return next((each for each in found if each.destination == destination), None)


def _input(draft: Draft) -> PlaygroundInput:
    return PlaygroundInput(rules=draft.rules, event=draft.event, file=draft.file, alone=draft.alone)


def _file_name(name: str) -> str:
    """Return a file name that needs no quotes in a header."""
    return "".join(
        each if each.isascii() and (each.isalnum() or each in "-_.") else "_" for each in name
    )
