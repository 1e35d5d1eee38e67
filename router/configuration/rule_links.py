"""Add to rules what other sections say of them: ``inhibitions``, and the lists of ``first_of``."""

from collections.abc import Iterable, Sequence

import msgspec

from router.rules.model import Rule
from router.rules.state.first_of import RuleList, features_of
from router.rules.state.inhibit import InhibitFeature
from router.rules.suppression.inhibitions import Inhibition, of_rule


def linked(
    rules: Iterable[Rule], inhibitions: Sequence[Inhibition], lists: Iterable[RuleList]
) -> tuple[Rule, ...]:
    """Return the rules with their inhibitions and their places in lists."""
    inhibited = [_with_inhibitions(rule, inhibitions) for rule in rules]
    places = features_of(
        lists,
        # A rule in shadow comes before no other.
        [each.name for each in inhibited if each.features.remembers and not each.is_shadow],
        [each.name for each in inhibited if each.features.precedes],
    )
    return tuple(
        msgspec.structs.replace(each, features=each.features.with_feature(places[each.name]))
        if each.name in places
        else each
        for each in inhibited
    )


def _with_inhibitions(rule: Rule, inhibitions: Sequence[Inhibition]) -> Rule:
    inhibits, inhibited_by = of_rule(inhibitions, rule.name)
    if not inhibits and not inhibited_by:
        return rule
    inhibit = InhibitFeature(inhibits=inhibits, inhibited_by=inhibited_by)
    return msgspec.structs.replace(rule, features=rule.features.with_feature(inhibit))
