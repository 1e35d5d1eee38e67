"""All features, in the order in which an alert meets them."""

from collections.abc import Iterable
from typing import Any, Final, TypeVar, Union

from router.alerts import Alert
from router.rules.state.absent import AbsentFeature
from router.rules.state.cooldown import CooldownFeature
from router.rules.state.count import CountFeature
from router.rules.state.escalate import EscalateFeature
from router.rules.state.feature import By, Feature
from router.rules.state.first_of import FirstOfFeature, StoredFirstOfFeature
from router.rules.state.first_seen import FirstSeenFeature
from router.rules.state.follows import FollowsFeature
from router.rules.state.group import GroupFeature
from router.rules.state.inhibit import InhibitFeature
from router.rules.state.lifecycle import LifecycleFeature, lifecycle_of
from router.rules.state.measure import MeasureFeature
from router.rules.state.measured import measured
from router.rules.state.pending import PendingFeature
from router.rules.state.ratio import RatioFeature
from router.rules.state.remind import RemindFeature
from router.rules.state.resolve import ResolveFeature
from router.rules.state.spike import SpikeFeature
from router.rules.state.step import Place
from router.rules.state.suppress import ShadowFeature, SuppressFeature

F = TypeVar("F")

FEATURES: Final[tuple[type[Feature], ...]] = (
    CountFeature,
    RatioFeature,
    MeasureFeature,
    SpikeFeature,
    FirstSeenFeature,
    FollowsFeature,
    AbsentFeature,
    FirstOfFeature,
    StoredFirstOfFeature,
    ResolveFeature,
    PendingFeature,
    LifecycleFeature,
    InhibitFeature,
    SuppressFeature,
    CooldownFeature,
    ShadowFeature,
    GroupFeature,
    RemindFeature,
    EscalateFeature,
)
"""The one list from which evaluation, timers, explain, the YAML readers, the JSON Schema and the Lua
script are made. A new feature is one more line."""

TIMERS: Final[Any] = Union[  # noqa: UP007 - of types that only the list knows
    tuple(
        timer
        for kind in FEATURES
        for timer in (kind.timer, *kind.further_timers)
        if timer is not None
    )
]
"""The type of every timer that a feature sets, for decoding."""


class RuleFeatures:
    """The features of one rule.

    What does not depend on an alert is computed once, because all else runs for each match.

    Args:
        features: Those that the rule names, in any order.
        is_shadow: True for a rule in shadow.
    """

    __slots__ = (
        "all",
        "can_end",
        "checking",
        "concluding",
        "events_per_alert",
        "first_of",
        "following",
        "groups",
        "identity",
        "is_shadow",
        "keeps_alert",
        "keeps_events",
        "keyed",
        "life",
        "met",
        "muting",
        "precedes",
        "remembers",
        "resolves_when_back",
    )

    def __init__(self, features: Iterable[Feature] = (), *, is_shadow: bool = False) -> None:  # noqa: PLR0915 - a field a line
        own: dict[type[Feature], Feature] = {type(feature): feature for feature in features}
        self.is_shadow: Final = is_shadow
        self.remembers: Final = any(feature.remembers for feature in own.values())
        """True if an alert depends on earlier ones, or is stored for later."""
        if self.remembers:
            # Any alert that takes steps can be silenced, and is suppressed in shadow.
            own.setdefault(SuppressFeature, SuppressFeature())
            if is_shadow:
                own.setdefault(ShadowFeature, ShadowFeature())
        life = lifecycle_of(tuple(own.values()))
        if life is not None:
            own[LifecycleFeature] = life
        self.all: Final = tuple(own[kind] for kind in FEATURES if kind in own)
        """In the order in which an alert meets them."""
        self.met: Final = tuple(each for each in self.all if each.in_shadow or not is_shadow)
        """Those that an alert of the rule meets."""
        self.identity: Final = _identity(self.all)
        """The expressions that distinguish the rule's alerts; None if each has its own key."""
        self.precedes: Final = any(each.precedes for each in self.all)
        """True if other rules depend on this one, so that it is decided before them."""
        # The place of the rule in a list; None if it is in none, or in shadow.
        self.first_of: Final = _place_in_list(self.met)
        self.resolves_when_back: Final = any(each.resolves_when_back for each in self.met)
        """True if the figures of a window resolve the alert that they raised."""
        self.events_per_alert: Final = max((each.events_per_alert for each in self.all), default=1)
        """How many events one alert takes."""
        self.keeps_alert: Final = any(each.keeps_alert for each in self.all)
        """True if a step stores the alert of its chain."""
        self.keeps_events: Final = any(each.keeps_events for each in self.all)
        """True if a step stores events as members of an alert."""
        self.muting: Final = self._with("suppression", self.all)
        self.groups: Final = any(isinstance(each, GroupFeature) for each in self.met)
        """True if the rule's alerts are sent as one message."""
        self.can_end: Final = any(isinstance(each, ResolveFeature) for each in self.met)
        """True if the rule's alerts can be resolved."""
        self.checking: Final = self._with("checks", self.met)
        self.keyed: Final = self._with("lacks_key", self.all)
        self.life: Final = None if is_shadow else life
        """The life that the rule's alerts have; None if they are momentary."""
        self.concluding: Final = self._with("conclude", self.all)
        self.following: Final = self._with("follow_ups", self.met)

    def find(self, kind: type[F]) -> F | None:
        """Return the feature of this kind, None if the rule has none."""
        return next((feature for feature in self.all if isinstance(feature, kind)), None)

    def has(self, key: str) -> bool:
        """Return whether the rule has the feature of this key in YAML."""
        return any(feature.key == key for feature in self.all)

    def older_place(self, content: dict[str, Any]) -> Place | None:
        """Return where a version before keyed alerts has stored the alert of an event, if anywhere."""
        places = (feature.older_place(content) for feature in self.all)
        return next((place for place in places if place is not None), None)

    def at_threshold(self, alert: Alert) -> Alert:
        """Return an alert with the figures at which the rule notifies, as a preview shows it.

        Without them a summary that has ``alert.measure`` fails, and its plain form is shown.
        """
        words = next(filter(None, (feature.threshold_words() for feature in self.all)), ())
        return measured(alert, words)

    def with_feature(self, feature: Feature) -> "RuleFeatures":
        """Return these features and one more."""
        return RuleFeatures((*self.all, feature), is_shadow=self.is_shadow)

    @staticmethod
    def _with(method: str, features: tuple[Feature, ...]) -> tuple[Feature, ...]:
        """Return the features that override a method."""
        base = getattr(Feature, method)
        return tuple(each for each in features if getattr(type(each), method) is not base)


def _place_in_list(features: Iterable[Feature]) -> FirstOfFeature | None:
    return next((each for each in features if isinstance(each, FirstOfFeature)), None)


def _identity(features: Iterable[Feature]) -> By | None:
    ranked = [
        (feature.identity_rank, feature.by)
        for feature in features
        if feature.identity_rank is not None
    ]
    return min(ranked, key=lambda each: each[0])[1] if ranked else None


NO_FEATURES: Final = RuleFeatures()
