"""All features, in the order in which an alert meets them."""

from collections.abc import Iterable
from typing import Any, Final, Union

from router.rules.state.absent import AbsentFeature
from router.rules.state.cooldown import CooldownFeature
from router.rules.state.count import CountFeature
from router.rules.state.escalate import EscalateFeature
from router.rules.state.feature import Feature
from router.rules.state.group import GroupFeature
from router.rules.state.inhibit import InhibitFeature
from router.rules.state.resolve import ResolveFeature
from router.rules.state.suppress import ShadowFeature, SuppressFeature

FEATURES: Final[tuple[type[Feature], ...]] = (
    CountFeature,
    AbsentFeature,
    ResolveFeature,
    InhibitFeature,
    SuppressFeature,
    CooldownFeature,
    ShadowFeature,
    GroupFeature,
    EscalateFeature,
)
"""The one list from which evaluation, timers, explain, the YAML readers, the JSON Schema and the Lua
script are made. A new feature is one more line."""

TIMERS: Final[Any] = Union[tuple(kind.timer for kind in FEATURES if kind.timer)]  # noqa: UP007 - of types that only the list knows
"""The type of every timer that a feature sets, for decoding."""


def arrange(features: Iterable[Feature], *, is_shadow: bool) -> tuple[Feature, ...]:
    """Return the features of one rule in the order in which its alerts meet them.

    If any of them remembers, the features are added that belong to every such rule: an alert that
    takes steps can be silenced, and in shadow it is suppressed.
    """
    own = {type(feature): feature for feature in features}
    if any(feature.remembers for feature in own.values()):
        own.setdefault(SuppressFeature, SuppressFeature())
        if is_shadow:
            own.setdefault(ShadowFeature, ShadowFeature())
    return tuple(own[kind] for kind in FEATURES if kind in own)
