"""Read an entry of the section ``destinations`` to a DestinationSpec."""

import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import Final, TypeVar

import msgspec

from router.configuration.convert import Converter, describe_node
from router.configuration.foreign_keys import key_hint
from router.configuration.variables import (
    EnvironmentVariables,
    MissingVariable,
    Substitutions,
    variable_names,
)
from router.configuration.yaml.document import (
    Entry,
    ListNode,
    MapNode,
    Node,
    Scalar,
    UnreadableNode,
    YamlDocument,
)
from router.destinations.contract import DestinationConfig
from router.destinations.kinds import KINDS
from router.destinations.spec import DestinationSpec
from router.rules.model import name_problem

T = TypeVar("T")

MISSING_HOST: Final = "missing.invalid"
"""The host in stand-ins for missing variables."""
# Values that replace a missing variable, so that a capture can show the request of the kind. They
# reach no host, because .invalid never resolves (RFC 6761, section 6.4).
_STAND_INS: Final = (
    f"https://{MISSING_HOST}/",
    f"smtp://{MISSING_HOST}",
    f"json://{MISSING_HOST}",
    f"a@{MISSING_HOST}",
    "1000",
)
_TRIALS: Final = 64
_NAMES_OF_KINDS: Final = frozenset({"kind", "type", "provider", "service"})


def read_destination(
    document: YamlDocument, entry: Entry, environ: Mapping[str, str], missing: MissingVariable
) -> DestinationSpec | None:
    """Return a destination; None after reporting its problems to ``document``."""
    name = entry.key.text
    problem = name_problem(name)
    if problem is not None:
        document.report(entry.key.span, *problem)
    chosen = _kind(document, entry)
    if chosen is None:
        return None
    kind, node = chosen.key.text, chosen.value
    wanted = dict.fromkeys(name for text in texts_below(node) for name in variable_names(text))
    values = Substitutions.of(wanted, environ)
    absent = tuple(name for name in wanted if not values.known.get(name))
    if absent and missing is MissingVariable.KEEP:
        config = with_stand_ins(
            document,
            values,
            absent,
            _STAND_INS,
            lambda trial, given: _convert(trial, chosen, given),
        )
    else:
        absent = ()
        config = _convert(document, chosen, values)
    return DestinationSpec(name=name, kind=kind, config=config, missing_variables=absent)


def _kind(document: YamlDocument, entry: Entry) -> Entry | None:
    """Return the entry whose key is the kind of the destination."""
    name, node = entry.key.text, entry.value
    if isinstance(node, UnreadableNode):
        return None
    if not isinstance(node, MapNode) or not node.entries:
        what = "nothing" if isinstance(node, MapNode) else describe_node(node)
        hint = "write for example http: {url: …}"
        document.report(node.span, f'destination "{name}": expected its kind, found {what}', hint)
        return None
    for each in node.entries:
        if each.key.text not in KINDS:
            message = f'destination "{name}": there is no kind "{each.key.text}"'
            document.report(each.key.span, message, _kind_hint(node, each.key.text))
            document.hide(node)
            return None
    if len(node.entries) > 1:
        second = node.entries[1].key
        message = f'destination "{name}" has a second kind, "{second.text}"'
        document.report(second.span, message, "write it as a separate destination")
        return None
    return node.entries[0]


def _kind_hint(node: MapNode, key: str) -> str:
    """Return what to write for a key in the place of a kind, such as a key that belongs below one."""
    named = node.get(key)
    if key in _NAMES_OF_KINDS and isinstance(named, Scalar) and named.text in KINDS:
        return f"the kind is the key itself: write {named.text}: {{…}}"
    beside = [each.key.text for each in node.entries if each.key.text in KINDS]
    owners = [kind for kind in beside or KINDS if key in _keys(kind)]
    if not owners:
        return key_hint(key, KINDS)
    if beside or len(owners) == 1:
        return f"it is a key of {owners[0]}: write {owners[0]}: {{{key}: …}}"
    return f"it is a key below the kind: write for example {owners[-1]}: {{{key}: …}}"


def _keys(kind: str) -> set[str]:
    return {field.encode_name for field in msgspec.structs.fields(KINDS[kind].config)}


def _convert(
    document: YamlDocument, chosen: Entry, values: Substitutions
) -> DestinationConfig | None:
    kind = chosen.key.text
    converter = Converter(document, EnvironmentVariables(values), hide_unknown=True)
    config = converter.convert(chosen.value, KINDS[kind].config, kind)
    if not isinstance(config, DestinationConfig):
        return None
    for warning in config.warnings():
        named = chosen.value.get(warning.key) if isinstance(chosen.value, MapNode) else None
        document.warn((named or chosen.value).span, warning.message, warning.hint)
    return config


def with_stand_ins(
    document: YamlDocument,
    values: Substitutions,
    absent: tuple[str, ...],
    stand_ins: tuple[str, ...],
    convert: Callable[[YamlDocument, Substitutions], T | None],
) -> T | None:
    """Return what is converted with the first values for absent variables that are valid.

    If none are, the problems that all trials share do not depend on the variables and are reported.

    Args:
        document: The document, to which problems are reported.
        values: The values of other variables.
        absent: The variables without a value.
        stand_ins: Values to try.
        convert: Returns the result, or None after reporting problems to the document of a trial.
    """
    found = None
    trials = []
    for given in itertools.islice(itertools.product(stand_ins, repeat=len(absent)), _TRIALS):
        trial = document.blank_copy()
        found = convert(trial, values.with_values(dict(zip(absent, given, strict=True))))
        trials.append(trial)
        if found is not None:
            break
    document.report_common(trials, [f"${{{name}}}" for name in absent])
    return found


def texts_below(node: Node) -> Iterator[str]:
    """Yield the text of each scalar value below a node."""
    if isinstance(node, Scalar):
        yield node.text
    elif isinstance(node, ListNode):
        for item in node.items:
            yield from texts_below(item)
    elif isinstance(node, MapNode):
        for entry in node.entries:
            yield from texts_below(entry.value)
