"""Warn of rules with ``resolve`` whose destinations cannot end what they began."""

from collections.abc import Iterator, Mapping

from router.configuration.readers.rule_defaults import is_default
from router.configuration.yaml.document import ListNode, MapNode, Node, Scalar, YamlDocument
from router.rules.model import Rule


def warn_of_unresolved(
    document: YamlDocument, node: MapNode, rule: Rule, problems: Mapping[str, str]
) -> None:
    """Report each destination of a rule that its resolved alert reaches in vain.

    Args:
        document: The document, to which problems are reported.
        node: The rule as written.
        rule: The rule.
        problems: Why a destination cannot resolve, by its name, for those that cannot.
    """
    entry = next((each for each in node.entries if each.key.text == "resolve"), None)
    if entry is None or not problems:
        return
    names = {*rule.send_to, *(rule.routing.destinations if rule.routing else ())}
    names.update(name for each in node.entries for name in _named_below(each.value))
    subject = "defaults" if is_default(node, entry) else f'rule "{rule.name}"'
    for name in sorted(names & problems.keys()):
        message = f'{subject}: "{name}" cannot be told that the alert is resolved'
        document.warn(entry.key.span, message, problems[name])


def _named_below(node: Node) -> Iterator[str]:
    """Yield the destinations that a feature names, which has one item or several."""
    for item in node.items if isinstance(node, ListNode) else (node,):
        named = item.get("send_to") if isinstance(item, MapNode) else None
        if isinstance(named, ListNode):
            yield from (each.text for each in named.items if isinstance(each, Scalar))
