"""Read an item of the section ``first_of``: a list of rules of which the first one tells."""

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from router.configuration.convert import INVALID, Converter
from router.configuration.readers.features import check_names
from router.configuration.variables import NoVariables
from router.configuration.yaml.document import ListNode, Node, Scalar, YamlDocument
from router.rules.model import Rule
from router.rules.state.first_of import RuleList

_KEY: Final = "first_of"


def read_rule_list(
    document: YamlDocument,
    node: Node,
    names: Collection[str] | None,
    rules: Mapping[str, Rule],
    taken: dict[str, str],
) -> RuleList | None:
    """Return a list of rules; None after reporting its problems.

    Args:
        document: The document, to which problems are reported.
        node: The list.
        names: The names of all rules; None if some are not known.
        rules: The valid rules by name.
        taken: The positions of the rules in the lists read so far; those of this list are added.
    """
    before = len(document.errors)
    found = Converter(document, NoVariables()).convert(node, tuple[str, ...], _KEY)
    if not isinstance(node, ListNode):
        return None
    check_names(document, node, _KEY, "rule", names)
    if len(node.items) == 1:
        hint = "list two rules or more, the most important one first"
        document.report(node.span, "first_of: a list of one rule orders nothing", hint)
    scalars = {item.text: item for item in node.items if isinstance(item, Scalar)}
    for item in scalars.values():
        _check_rule(document, item, rules, taken)
    if found is INVALID or len(document.errors) > before:
        return None
    if all(name in rules for name in found):
        _warn_of_strangers(document, [(scalars[name], rules[name]) for name in found])
    return RuleList(found)


def _warn_of_strangers(document: YamlDocument, listed: Sequence[tuple[Scalar, Rule]]) -> None:
    """Warn of a rule that never meets an event of another one."""
    for item, rule in listed:
        if not any(_share_events(rule, other) for _, other in listed if other is not rule):
            message = f'rule "{rule.name}" has no event type in common with the others of this list'
            document.warn(item.span, message, "remove it from the list")


def _check_rule(
    document: YamlDocument, item: Scalar, rules: Mapping[str, Rule], taken: dict[str, str]
) -> None:
    """Report a rule that is in another list, or whose alerts are not raised by an event."""
    here = document.location(item.span)
    first = taken.setdefault(item.text, here)
    if first != here:
        document.report(item.span, f'rule "{item.text}" is in two lists', f"first at {first}")
    rule = rules.get(item.text)
    if rule is not None and rule.features.has("absent"):
        document.report(
            item.span,
            f'rule "{item.text}" has absent: it alerts when an event is missing',
            "remove it from the list, because no event raises its alert",
        )


def _share_events(one: Rule, other: Rule) -> bool:
    return any(_overlap(mine, theirs) for mine in one.events for theirs in other.events)


def _overlap(one: str, other: str) -> bool:
    """Return whether there is an event type that both patterns name."""
    for pattern, text in ((one, other), (other, one)):
        if pattern.endswith("*") and text.removesuffix("*").startswith(pattern[:-1]):
            return True
    return one == other
