"""Read an entry of the section ``sources`` to a SourceSpec."""

import functools
import re
from collections.abc import Mapping
from importlib.resources import files
from typing import Any, Final

import msgspec

from router.cel import Condition, Expression
from router.cel.check.types import ANY, Type
from router.configuration.convert import INVALID, Converter, describe_node
from router.configuration.foreign_keys import key_hint
from router.configuration.readers.source_expressions import SourceExpressions
from router.configuration.readers.source_shapes import read_shape
from router.configuration.readers.source_text import PresetText, SourceText
from router.configuration.readers.source_verifiers import VERIFY, VerificationReader
from router.configuration.variables import (
    MissingVariable,
    NoVariables,
)
from router.configuration.yaml.document import (
    Entry,
    ListNode,
    MapNode,
    Node,
    Scalar,
    YamlDocument,
    decode_document,
    read_yaml,
)
from router.errors import RulesError
from router.rules.model import name_problem
from router.sources.spec import PREFIX, RESERVED, AcceptedResponse, EventMapping, Reply, SourceSpec

_PATH: Final = re.compile(r"/in(?:/(?!\.\.?(?:/|$))[A-Za-z0-9._~-]+)+")
"""Without the parts ``.`` and ``..``, which no request has when it arrives."""
_PATH_LENGTH: Final = 200
_NAME: Final = "{name}"
_OWN_KEYS: Final = frozenset({VERIFY})


class PresetParts(msgspec.Struct, frozen=True, kw_only=True):
    """The parts of a preset."""

    text: PresetText
    verify: MapNode | None = None
    body: Type = ANY
    item: Type = ANY
    split: Expression | None = None
    skip: Condition | None = None
    event: EventMapping = EventMapping()
    replies: tuple[Reply, ...] = ()


_NO_PRESET: Final = PresetParts(text=PresetText(about="", docs=""))


def preset_names() -> list[str]:
    """Return the names of the presets that are shipped, in order."""
    found = (each.name for each in (files("router.sources") / "presets").iterdir())
    return sorted(name.removesuffix(".yaml") for name in found if name.endswith(".yaml"))


def preset_yaml(name: str) -> str:
    """Return the YAML of a preset that is shipped."""
    return (files("router.sources") / "presets" / f"{name}.yaml").read_text("utf-8")


@functools.cache
def preset_parts(name: str) -> PresetParts:
    """Return the parts of a preset that is shipped. Raise RulesError if it has errors."""
    document = decode_document(f"preset {name}", preset_yaml(name).encode())
    root = read_yaml(document)
    if isinstance(root, MapNode):
        text = Converter(document, NoVariables()).convert(_without(root), PresetText, name)
        if text is not INVALID:
            parts = _read_parts(document, root, text, _NO_PRESET)
            if not document.errors:
                verify = root.get(VERIFY)
                verify = verify if isinstance(verify, MapNode) else None
                return msgspec.structs.replace(parts, text=text, verify=verify)
    raise RulesError(list(document.diagnostics()))


def read_source(
    document: YamlDocument,
    entry: Entry,
    environ: Mapping[str, str],
    missing: MissingVariable,
    paths: dict[str, str],
) -> SourceSpec | None:
    """Return a source; None after reporting problems that prevent reading it.

    Args:
        document: The document, to which problems are reported.
        entry: The name of the source and its keys.
        environ: The values of variables.
        missing: The treatment of variables that are not set.
        paths: The sources that are known by their paths, to which this one is added.
    """
    name, node = entry.key.text, entry.value
    _check_name(document, entry.key)
    if not isinstance(node, MapNode):
        if isinstance(node, Scalar | ListNode):
            message = f'source "{name}": expected its keys, found {describe_node(node)}'
            document.report(node.span, message, "write for example {preset: github, verify: …}")
        return None
    text = Converter(document, NoVariables()).convert(
        _without(node), SourceText, f'source "{name}"'
    )
    preset = _preset(document, node)
    if text is INVALID or preset is None:
        return None
    parts = _read_parts(document, node, text, preset)
    verify, absent = VerificationReader(document, entry, preset.verify, environ, missing).read()
    path = _path(document, node, name, text, preset)
    first = paths.setdefault(path, name)
    if first != name:
        where = (node.get("path") or node).span
        document.report(where, f'the path {path} is that of the source "{first}"')
    accepted = _given(node, text, preset.text, "accepted")
    return SourceSpec(
        name=name,
        path=path,
        preset=text.preset,
        methods=_given(node, text, preset.text, "methods"),
        verify=verify,
        split=parts.split,
        skip=parts.skip,
        event=parts.event,
        replies=parts.replies,
        accepted=None
        if accepted is None
        else AcceptedResponse(status=accepted.status, text=accepted.text),
        events_per_request=_given(node, text, preset.text, "events_per_request"),
        rate=_given(node, text, preset.text, "rate"),
        continues_trace=_continues(_given(node, text, preset.text, "trace")),
        missing_variables=absent,
    )


def _continues(trace: str | None) -> bool | None:
    return None if trace is None else trace == "continue"


def _without(node: MapNode) -> MapNode:
    """Return a source without the keys that are read by themselves."""
    kept = (entry for entry in node.entries if entry.key.text not in _OWN_KEYS)
    return MapNode(node.span, tuple(kept))


def _check_name(document: YamlDocument, key: Scalar) -> None:
    problem = name_problem(key.text)
    if problem is not None:
        document.report(key.span, *problem)
    elif key.text in RESERVED:
        message = f'every router has a source "{key.text}"'
        document.report(key.span, message, "choose another name")


def _preset(document: YamlDocument, node: MapNode) -> PresetParts | None:
    """Return the preset of a source; None after reporting that there is none of that name."""
    named = node.get("preset")
    if not isinstance(named, Scalar):
        return _NO_PRESET
    known = preset_names()
    if named.text not in known:
        message = f'there is no preset "{named.text[:60]}"'
        document.report(named.span, message, key_hint(named.text, known))
        return None
    return preset_parts(named.text)


def _given(node: MapNode, text: SourceText, preset: SourceText, key: str) -> Any:
    """Return the value of a key: that of the preset if the source does not have it."""
    return getattr(preset if node.get(key) is None else text, key)


def _path(
    document: YamlDocument, node: MapNode, name: str, text: SourceText, preset: PresetParts
) -> str:
    path = text.path or (preset.text.path or f"{PREFIX}{_NAME}").replace(_NAME, name)
    if name_problem(name) is not None and text.path is None:
        return path  # reported already
    if _PATH.fullmatch(path) is None or len(path) > _PATH_LENGTH:
        where = (node.get("path") or node).span
        message = f"path: expected {PREFIX} and a name of letters, digits and ._~-"
        document.report(where, message, f"write for example {PREFIX}{name}")
    return path


def _read_parts(
    document: YamlDocument, node: MapNode, text: SourceText, preset: PresetParts
) -> PresetParts:
    """Return the expressions of a source, or of a preset, over those of its preset."""
    body = preset.body if node.get("body") is None else read_shape(document, node.get("body"))
    reader = SourceExpressions(document, body, body)
    split, item = preset.split, preset.item
    if node.get("split") is not None:
        split, item = reader.split(node.get("split"))
    elif split is None:
        item = body
    of_items = reader.with_item(item)
    skip = preset.skip if node.get("skip") is None else of_items.condition(node.get("skip"))
    replies = preset.replies
    if node.get("replies") is not None:
        replies = _replies(reader, node.get("replies"), text)
    return msgspec.structs.replace(
        preset,
        body=body,
        item=item,
        split=split,
        skip=skip,
        event=_event(of_items, node.get("event"), preset.event),
        replies=replies,
    )


def _event(reader: SourceExpressions, node: Node | None, preset: EventMapping) -> EventMapping:
    if not isinstance(node, MapNode):
        return preset
    extensions = reader.extensions(node.get("extensions"))
    found = {
        entry.key.text: reader.expression(entry.value)
        for entry in node.entries
        if entry.key.text != "extensions"
    }
    return msgspec.structs.replace(preset, **found, extensions={**preset.extensions, **extensions})


def _replies(reader: SourceExpressions, node: Node | None, text: SourceText) -> tuple[Reply, ...]:
    items = node.items if isinstance(node, ListNode) else ()
    replies = []
    for item, written in zip(items, text.replies, strict=False):
        if not isinstance(item, MapNode):
            continue
        when = reader.condition(item.get("when"))
        if when is None:
            continue
        replies.append(
            Reply(
                when=when,
                status=written.status,
                json=None if written.json is None else reader.map_of(item.get("json")),
                text=reader.expression(item.get("text")),
                visit=reader.expression(item.get("visit")),
                hosts=written.hosts,
            )
        )
    return tuple(replies)
