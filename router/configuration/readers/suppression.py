"""Read items of the sections ``mute_times``, ``inhibitions`` and ``silences``."""

import itertools
import json
from collections.abc import Collection, Mapping
from hashlib import blake2b
from typing import Any, Final

import msgspec

from router.configuration.convert import INVALID, Converter
from router.configuration.readers.features import check_names, texts
from router.configuration.readers.routes import ANY_EVENT
from router.configuration.readers.rule_expressions import read_condition, read_expressions
from router.configuration.readers.schedules import Schedules
from router.configuration.readers.type_check import scalars_below
from router.configuration.variables import NoVariables, escaped_offset
from router.configuration.yaml.document import Entry, MapNode, Node, Scalar, YamlDocument
from router.errors import ConditionError
from router.rules.model import Rule, name_problem
from router.rules.schedules.duty import Duty
from router.rules.schedules.schedule import schedule
from router.rules.state.feature import StateId
from router.rules.suppression.inhibitions import Inhibition, InhibitionText
from router.rules.suppression.mute_times import MuteTime, MuteTimeText
from router.rules.suppression.silence_check import (
    EVERYTHING,
    NOTHING,
    SilenceScope,
    matching_rules,
    name_problems,
    silences_everything,
)
from router.rules.suppression.silences import (
    NAMES,
    Silence,
    SilenceText,
    match_test,
    silence,
)
from router.rules.suppression.when_over import WhenOver

_ANY_NAME: Final = SilenceScope()
_NO_SCHEDULES: Final = Schedules()


def read_mute_time(
    document: YamlDocument, entry: Entry, schedules: Schedules = _NO_SCHEDULES
) -> MuteTime | None:
    """Return a mute time; None after reporting its problems to the document."""
    before = len(document.errors)
    name = entry.key.text
    problem = name_problem(name)
    if problem is not None:
        document.report(entry.key.span, *problem)
    text = _convert(document, entry.value, MuteTimeText, f'mute time "{name}"')
    if not isinstance(entry.value, MapNode):
        return None
    duty = schedules.duty(document, entry.value)
    exceptions = schedules.named(document, entry.value.get("except"), "except")
    if not isinstance(text, MuteTimeText) or len(document.errors) > before:
        return None
    own = schedule(name, text, exceptions)
    return MuteTime(name, duty or Duty((own,)), text.when_over is WhenOver.DROP)


def read_inhibition(
    document: YamlDocument,
    node: Node,
    rules: Collection[str] | None,
    events: Mapping[str, tuple[str, ...]],
    inhibited: dict[str, set[str]] | None = None,
) -> Inhibition | None:
    """Read an inhibition.

    Args:
        document: The document, to which problems are reported.
        node: The inhibition.
        rules: The names of all rules; None if some are not known.
        events: The event types of the valid rules.
        inhibited: The rules that each rule inhibits by the inhibitions before; this one is added.

    Returns:
        The inhibition; None after reporting its problems.
    """
    before = len(document.errors)
    text = _convert(document, node, InhibitionText, "this inhibition")
    if not isinstance(node, MapNode):
        return None
    check_names(document, node.get("while"), "while", "rule", rules)
    check_names(document, node.get("hold_back"), "hold_back", "rule", rules)
    sides = (_events(node.get(key), events) for key in ("while", "hold_back"))
    equal = read_expressions(document, node.get("equal"), "equal", sides)
    if not isinstance(text, InhibitionText) or len(document.errors) > before:
        return None
    both = set(text.while_) & set(text.hold_back)
    if both:
        message = f'rule "{min(both)}" would suppress itself'
        document.report(node.span, message, "list it in `while` or in `hold_back`, not in both")
        return None
    if inhibited is not None and _closes_circle(document, node, text, inhibited):
        return None
    return Inhibition(
        frozenset(text.while_),
        frozenset(text.hold_back),
        equal,
        text.for_,
        StateId(f"inhibit-{_digest(text)}"),
    )


def _closes_circle(
    document: YamlDocument, node: MapNode, text: InhibitionText, inhibited: dict[str, set[str]]
) -> bool:
    """Return whether a rule would inhibit, by way of others, one that inhibits it; report it then.

    If both fired, no destination would be notified of either.
    """
    for target in text.hold_back:
        reached, found = [target], {target}
        while reached:
            new = inhibited.get(reached.pop(), set()) - found
            found |= new
            reached += new
        both = found & set(text.while_)
        if both:
            source = min(both)
            message = (
                f'rules "{source}" and "{target}" would suppress each other:'
                " if both fire, no destination is notified of either"
            )
            document.report(node.span, message, "remove one of the inhibitions")
            return True
    for source in text.while_:
        inhibited.setdefault(source, set()).update(text.hold_back)
    return False


def read_silence(
    document: YamlDocument,
    node: Node,
    scope: SilenceScope = _ANY_NAME,
    rules: Mapping[str, Rule] | None = None,
    now: float | None = None,
) -> Silence | None:
    """Read a silence.

    Args:
        document: The document, to which problems are reported.
        node: The silence.
        scope: The names that it can refer to.
        rules: All rules by name; None if some are not known.
        now: Unix seconds, to warn of a silence that has ended; None if it does not matter.

    Returns:
        The silence; None after reporting its problems.
    """
    before = len(document.errors)
    text = _convert(document, node, SilenceText, "this silence")
    if not isinstance(node, MapNode):
        return None
    report_subject(document, node, scope)
    until_resolved = node.get("until_resolved")
    if isinstance(text, SilenceText) and until_resolved and text.until_resolved and not text.starts:
        message = "until_resolved silences what is open when the silence starts: it needs starts"
        document.report(until_resolved.span, message, 'write starts: "2026-11-24T18:00:00Z"')
    if not isinstance(text, SilenceText) or len(document.errors) > before:
        return None
    try:
        read = silence(f"file-{_digest(text)}", text)
    except ConditionError as error:
        document.report((node.get("match") or node).span, error.message, error.hint)
        return None
    if silences_everything(read.condition, rules):
        document.report(_subject(node).span, *EVERYTHING)
    elif rules and not any(matching_rules(read.condition, rules)):
        document.report(_subject(node).span, *NOTHING)
    if now is not None and read.ends <= now:
        ends = node.get("ends") or node
        document.warn(ends.span, "this silence has ended", "remove it, or give it a later end")
    return read


def report_subject(document: YamlDocument, node: MapNode, scope: SilenceScope) -> None:
    """Report the problems of ``match`` and ``when`` of a silence at their positions."""
    when, match = node.get("when"), node.get("match")
    if isinstance(when, Scalar):
        condition = read_condition(document, when, ANY_EVENT, NAMES)
        for problem in name_problems(condition, scope) if condition else ():
            offset = escaped_offset(when.text, problem.offset)
            span = document.part_span(when, offset, problem.length)
            document.report(span, problem.message, problem.hint)
    for entry in match.entries if isinstance(match, MapNode) else ():
        _report_test(document, entry, scope)


def _report_test(document: YamlDocument, entry: Entry, scope: SilenceScope) -> None:
    wanted = Converter(document.blank_copy(), NoVariables()).convert(entry.value, Any, "match")
    if wanted is INVALID:
        return  # the converter reports it
    try:
        condition = match_test(entry.key.text, wanted)
    except ConditionError as error:
        document.report(entry.key.span, error.message, error.hint)
        return
    scalars = [each for each in scalars_below(entry.value) if each.text]
    for problem in name_problems(condition, scope):
        named = condition.source[problem.offset : problem.offset + problem.length]
        places = [each.span for each in scalars if json.dumps(each.text) == named]
        document.report(places[0] if places else entry.key.span, problem.message, problem.hint)


def _subject(node: MapNode) -> Node:
    return node.get("match") or node.get("when") or node


def _events(names: Node | None, events: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Return the event types of all these rules; empty if those of one are not known."""
    each = [events.get(name) for name in texts(names)]
    known = [types for types in each if types is not None]
    return tuple(dict.fromkeys(itertools.chain(*known))) if len(known) == len(each) else ()


def _convert(document: YamlDocument, node: Node, kind: type[msgspec.Struct], subject: str) -> Any:
    return Converter(document, NoVariables()).convert(node, kind, subject)


def _digest(text: msgspec.Struct) -> str:
    encoded = msgspec.json.encode(text, order="deterministic", enc_hook=str)
    return blake2b(encoded, digest_size=8).hexdigest()
