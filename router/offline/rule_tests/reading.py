"""Files of rule tests -> cases that can be run, or all that is wrong with the files.

The files are in the folder ``tests`` of the rules folder. Whatever they contain, only RulesError is
raised.
"""

import copy
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from router.cel import ConditionError, compile_expression
from router.configuration import files
from router.configuration.convert import Converter
from router.configuration.model import Configuration
from router.configuration.readers.suppression import report_subject
from router.configuration.variables import NoVariables
from router.configuration.yaml.document import (
    DIAGNOSTICS_LIMIT,
    ListNode,
    MapNode,
    Node,
    Scalar,
    YamlDocument,
    decode_document,
    read_yaml,
)
from router.errors import Diagnostic, EventError, Level, RulesError
from router.events.decode import decode_strictly
from router.events.json_text import UNDECODABLE, decode_json
from router.events.model import Event
from router.events.schemas import schema_violation
from router.offline.rule_tests.model import CaseStep, CaseText, Expectation, TestsFile
from router.rules.event_types import problems_of
from router.rules.suppression.silence_check import SilenceScope
from router.rules.suppression.silences import Silence, SilenceText, silence
from router.rules.type_names import misspelling
from router.suggestions import suggestion
from router.timestamps import rfc3339_utc, unix_seconds

FOLDER: Final = "tests"
"""The folder of the tests, in the rules folder."""
SOURCE: Final = "router-test"
"""The source of events that name none."""
_LATEST: Final = 221_845_392_000.0
"""The year 9000, in Unix seconds, because dates end soon after it."""


class Expected(msgspec.Struct, frozen=True):
    """An expectation and its position."""

    location: str
    """``file:line:column``."""
    alert: Expectation


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """A step that is ready to run."""

    location: str
    """``file:line:column``."""
    at: float
    """Seconds from the beginning of the test."""
    acknowledge: str | None = None
    """The rule whose alerts an operator acknowledges."""
    silence: Silence | None = None
    """A silence that begins now."""
    event: dict[str, Any] | None
    """A CloudEvent; each sending adds an id and a time unless it has its own."""
    times: int = 1
    every: float = 0
    expect: tuple[Expected, ...] | None = None


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """A test that is ready to run."""

    name: str
    location: str
    """``file:line:column``."""
    rules: frozenset[str]
    """Names of the rules that the test is about; empty for all."""
    started_at: float
    """Unix time in seconds."""
    moments: tuple[Moment, ...]


class Suite(msgspec.Struct, frozen=True):
    """All tests of a folder."""

    cases: tuple[Case, ...]
    warnings: tuple[Diagnostic, ...]


def read_tests(folder: Path, configuration: Configuration) -> Suite:
    """Return the tests of a rules folder; none if its folder ``tests`` is missing or empty.

    Raises RulesError with every diagnostic.
    """
    tests = folder / FOLDER
    if not tests.is_dir() or not any(tests.glob("*.y*ml")):
        return Suite((), ())
    known = _Known(configuration)
    readers = [
        _FileReader(
            decode_document(files.printable_path(str(file)), files.read_content(file)),
            file.parent,
            known,
        )
        for file in files.rules_files(tests)
    ]
    cases = [case for reader in readers for case in reader.read()]
    findings = sorted(finding for reader in readers for finding in reader.document.diagnostics())
    if any(finding.level is Level.ERROR for finding in findings):
        raise RulesError(findings[:DIAGNOSTICS_LIMIT])
    return Suite(tuple(cases), tuple(findings[:DIAGNOSTICS_LIMIT]))


class _Known:
    """The names that tests may use."""

    def __init__(self, configuration: Configuration) -> None:
        self.rules = [rule.name for rule in configuration.rules.rules]
        self.silence_scope = SilenceScope.of(configuration.rules.rules)
        self.destinations = [spec.name for spec in configuration.destinations]


class _FileReader:
    """Reads the tests of one file."""

    def __init__(self, document: YamlDocument, folder: Path, known: _Known) -> None:
        self.document = document
        self._folder = folder
        self._known = known
        self._events: dict[str, dict[str, Any]] = {}

    def read(self) -> Iterator[Case]:
        root = read_yaml(self.document) if self.document.is_valid else None
        if root is None:
            return
        converter = Converter(self.document, NoVariables())
        text = converter.convert(root, TestsFile, "a file of tests")
        if not isinstance(text, TestsFile) or not isinstance(root, MapNode):
            return
        self._read_events(root, text)
        names: dict[str, str] = {}
        for case, node in zip(text.tests, _items(root.get("tests")), strict=True):
            name = node.get("name") or node
            location = self.document.location(name.span)
            if names.setdefault(case.name, location) != location:
                hint = f"first at {names[case.name]}"
                self.document.report(name.span, f'the test "{case.name}" occurs twice', hint)
            yield self._case(case, node, location)

    # Events

    def _read_events(self, root: MapNode, text: TestsFile) -> None:
        nodes = root.get("events")
        for entry in nodes.entries if isinstance(nodes, MapNode) else ():
            name = entry.key.text
            event = self._loaded(text.events[name], entry.value)
            self._events[name] = event or {}

    def _loaded(self, value: Any, node: Node) -> dict[str, Any] | None:
        """Return an inline event, or the event in a file."""
        if isinstance(value, dict) and set(value) == {"file"}:
            return self._from_file(str(value["file"]), node)
        return self._checked(value, node)

    def _from_file(self, name: str, node: Node) -> dict[str, Any] | None:
        content = files.read_content(self._folder / name)
        if isinstance(content, str):
            self.document.report(node.span, f"{name}: {content}")
            return None
        try:
            return self._checked(decode_json(content), node)
        except UNDECODABLE as error:
            self.document.report(node.span, f"{name} is not JSON: {error}")
            return None

    def _checked(self, value: Any, node: Node) -> dict[str, Any] | None:
        """Return the value if it is an event; else report it."""
        if not isinstance(value, dict):
            self.document.report(node.span, "expected a CloudEvent", "it needs type and data")
            return None
        try:
            make_event(value, number=1, now=0.0)
        except EventError as error:
            self.document.report(
                node.span, f"this is no CloudEvent: {error.message} at {error.path}"
            )
            return None
        hint = misspelling(value["type"])
        if hint is not None:
            self.document.warn(node.span, f'no event type "{value["type"]}" is known', hint)
        return value

    # Suite

    def _case(self, case: CaseText, node: MapNode, location: str) -> Case:
        self._check_names(node.get("rules"), "rule", self._known.rules)
        started_at = unix_seconds(case.clock)
        if started_at is None:
            clock = node.get("clock") or node
            self.document.report(
                clock.span, "clock: expected a time", 'write "2026-01-01T00:00:00Z"'
            )
        steps = [
            (step, step_node)
            for step, step_node in zip(case.steps, _items(node.get("steps")), strict=True)
        ]
        moments: list[Moment] = []
        for step, step_node in steps or [(case.single, node)]:
            before = moments[-1] if moments else None
            moments.append(self._moment(step, step_node, before, started_at or 0.0))
        return Case(
            name=case.name,
            location=location,
            rules=frozenset(case.rules),
            started_at=started_at or 0.0,
            moments=tuple(moments),
        )

    def _moment(
        self, step: CaseStep, node: MapNode, before: Moment | None, started_at: float
    ) -> Moment:
        earliest = 0.0 if before is None else before.at + before.every * (before.times - 1)
        at = step.at if step.at is not None else earliest + (step.after or 0.0)
        if at < earliest:
            time = node.get("at") or node
            self.document.report(
                time.span, f"at: the step before is at {earliest:g}s, this is earlier"
            )
        if started_at + at + step.every * (step.times - 1) > _LATEST:
            self.document.report(
                node.span, "this is later than a test can be", "it ends by the year 9000"
            )
            at = earliest
        self._check_names(node.get("acknowledge"), "rule", self._known.rules)
        expected_nodes = _items(node.get("expect"))
        expect = None
        if step.expect is not None:
            expect = tuple(map(self._expected, step.expect, expected_nodes))
        return Moment(
            location=self.document.location(node.span),
            at=at,
            acknowledge=step.acknowledge,
            silence=self._silence(step, node.get("silence"), started_at + at),
            event=self._event(step, node),
            times=step.times,
            every=step.every,
            expect=expect,
        )

    def _silence(self, step: CaseStep, node: Node | None, begins: float) -> Silence | None:
        if step.silence is None or not isinstance(node, MapNode):
            return None
        text = SilenceText(
            match=step.silence.match,
            when=step.silence.when,
            starts=rfc3339_utc(begins),
            ends=rfc3339_utc(begins + step.silence.for_),
            author="a test",
            comment=self.document.location(node.span),
            when_over=step.silence.when_over,
            until_resolved=step.silence.until_resolved,
        )
        before = len(self.document.errors)
        report_subject(self.document, node, self._known.silence_scope)
        if len(self.document.errors) > before:
            return None
        try:
            return silence(text.comment, text)
        except ConditionError as error:
            self.document.report((node.get("match") or node).span, error.message, error.hint)
            return None

    def _expected(self, alert: Expectation, node: MapNode) -> Expected:
        self._check_names(node.get("rule"), "rule", self._known.rules)
        self._check_names(node.get("send_to"), "destination", self._known.destinations)
        return Expected(self.document.location(node.span), alert)

    def _check_names(self, node: Node | None, noun: str, known: list[str]) -> None:
        for item in node.items if isinstance(node, ListNode) else [node]:
            if isinstance(item, Scalar) and item.text not in known:
                hint = suggestion(item.text, known)
                self.document.report(item.span, f'there is no {noun} "{item.text}"', hint)

    def _event(self, step: CaseStep, node: MapNode) -> dict[str, Any] | None:
        named = node.get("event")
        if named is None:
            return None
        if isinstance(step.event, str):
            base = self._events.get(step.event)
            if base is None:
                hint = suggestion(step.event, self._events)
                self.document.report(named.span, f'there is no event "{step.event}"', hint)
        else:
            base = self._loaded(step.event, named)
        if not base:
            return None
        event = copy.deepcopy(base)
        if isinstance(step.event, str) or "file" in step.event:
            # Because it is a template: each event has its own id and time.
            event.pop("id", None)
            event.pop("time", None)
        self._change(event, step, node)
        return event

    def _change(self, event: dict[str, Any], step: CaseStep, node: MapNode) -> None:
        """Apply ``with`` and ``without`` to a copy."""
        changes = node.get("with")
        for entry in changes.entries if isinstance(changes, MapNode) else ():
            name = entry.key.text
            if not _set(event, name.split("."), step.with_[name]):
                self.document.report(entry.key.span, f'"{name}" leads through what is no map')
            self._warn_of_misspelling(event, name, entry.key)
        for item in _scalars(node.get("without")):
            if not _remove(event, item.text.split(".")):
                self.document.report(item.span, f'the event has no "{item.text}"')
        unlike = schema_violation(str(event.get("type")), event.get("data"))
        # A test may leave out fields that do not matter to it.
        if unlike is not None and "missing required field" not in unlike:
            self.document.warn((changes or node).span, f"no event is like this: {unlike}")
        try:
            make_event(event, number=1, now=0.0)
        except EventError as error:
            self.document.report(
                node.span, f"this is no CloudEvent: {error.message} at {error.path}"
            )

    def _warn_of_misspelling(self, event: dict[str, Any], name: str, key: Scalar) -> None:
        try:
            expression = compile_expression(name)
        except ConditionError:
            return  # an attribute of the envelope, or a name that CEL cannot spell
        for problem in problems_of(expression, (str(event.get("type")),)):
            self.document.warn(key.span, problem.message, problem.hint.partition(" (")[0])


def make_event(event: Mapping[str, Any], *, number: int, now: float) -> Event:
    """Return an event as it is received. Raises EventError.

    Args:
        event: A CloudEvent; missing attributes are filled in.
        number: Makes the id unique, if it is filled in.
        now: Unix time in seconds.
    """
    filled = {
        "specversion": "1.0",
        "source": SOURCE,
        "id": f"test-{number}",
        "time": rfc3339_utc(now),
    }
    body = msgspec.json.encode({**filled, **event})
    return decode_strictly(body, received_at=now, max_events=1)[0]


def _set(event: dict[str, Any], path: list[str], value: Any) -> bool:
    """Set the value at a path. Return False if the path leads through a value that is no map."""
    owner: Any = event
    for step in path[:-1]:
        owner = owner.setdefault(step, {}) if isinstance(owner, dict) else None
        if owner is None:
            return False
    if not isinstance(owner, dict):
        return False
    owner[path[-1]] = value
    return True


def _remove(event: dict[str, Any], path: list[str]) -> bool:
    """Remove the value at a path. Return False if there is none."""
    owner: Any = event
    for step in path[:-1]:
        owner = owner.get(step) if isinstance(owner, dict) else None
    if not isinstance(owner, dict) or path[-1] not in owner:
        return False
    del owner[path[-1]]
    return True


def _items(node: Node | None) -> list[MapNode]:
    items = node.items if isinstance(node, ListNode) else ()
    return [item for item in items if isinstance(item, MapNode)]


def _scalars(node: Node | None) -> Iterator[Scalar]:
    items = node.items if isinstance(node, ListNode) else ()
    yield from (item for item in items if isinstance(item, Scalar))
