"""Read items of the sections ``mute_times``, ``inhibitions`` and ``silences``."""

import itertools
from collections.abc import Collection, Mapping
from hashlib import blake2b
from typing import Any

import msgspec

from router.configuration.convert import Converter
from router.configuration.readers.features import (
    check_names,
    read_condition,
    read_expressions,
    texts,
)
from router.configuration.readers.routes import ANY_EVENT
from router.configuration.variables import NoVariables
from router.configuration.yaml.document import Entry, MapNode, Node, Scalar, YamlDocument
from router.errors import ConditionError
from router.rules.model import name_problem
from router.rules.state.feature import StateId
from router.rules.suppression.inhibitions import Inhibition, InhibitionText
from router.rules.suppression.mute_times import MuteTime, MuteTimeText, mute_time
from router.rules.suppression.silences import NAMES, Silence, SilenceText, silence


def read_mute_time(document: YamlDocument, entry: Entry) -> MuteTime | None:
    """Return a weekly calendar; None after reporting its problems to the document."""
    problem = name_problem(entry.key.text)
    if problem is not None:
        document.report(entry.key.span, *problem)
    text = _convert(document, entry.value, MuteTimeText, f'mute time "{entry.key.text}"')
    return mute_time(entry.key.text, text) if isinstance(text, MuteTimeText) else None


def read_inhibition(
    document: YamlDocument,
    node: Node,
    rules: Collection[str] | None,
    events: Mapping[str, tuple[str, ...]],
) -> Inhibition | None:
    """Read an inhibition.

    Args:
        document: The document, to which problems are reported.
        node: The inhibition.
        rules: The names of all rules; None if some are not known.
        events: The event types of the valid rules.

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
    return Inhibition(
        frozenset(text.while_),
        frozenset(text.hold_back),
        equal,
        text.for_,
        StateId(f"inhibit-{_digest(text)}"),
    )


def read_silence(document: YamlDocument, node: Node) -> Silence | None:
    """Return a silence; None after reporting its problems to the document."""
    before = len(document.errors)
    text = _convert(document, node, SilenceText, "this silence")
    if not isinstance(node, MapNode):
        return None
    when = node.get("when")
    if isinstance(when, Scalar):
        read_condition(document, when, ANY_EVENT, NAMES)
    if not isinstance(text, SilenceText) or len(document.errors) > before:
        return None
    try:
        return silence(f"file-{_digest(text)}", text)
    except ConditionError as error:
        document.report((node.get("match") or node).span, error.message, error.hint)
        return None


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
