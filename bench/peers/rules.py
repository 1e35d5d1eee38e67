"""Rule sets in three languages: ours, and those of two Python rule engines.

The engines are rule-engine (pure Python) and zen-engine (Rust, GoRules). Both compile a rule once
and evaluate it on a dict; neither has an index, so their cost grows with the rules.
"""

import random
from collections.abc import Callable
from typing import Any, Final

import msgspec

from router.alerts import Severity
from router.cel import compile_condition
from router.rules.index.rule_set import RuleSet
from router.rules.model import Mode, Rule

SUMMARY: Final = "com.twilio.voice.insights.conference-summary"
Match = Callable[[dict[str, Any]], list[int]]
"""The numbers of the rules that hold for an event."""


class Conditions(msgspec.Struct, frozen=True):
    """One condition, in each language."""

    cel: str
    rule_engine: str
    zen: str


def realistic(count: int) -> list[Conditions]:
    """What a team with many customers writes; three of them hold for Twilio's sample event.

    Most name a customer's account, a name, a tag or a region beside what they alert on; some look
    for a pattern or a large number. The first ten stand for rules about everybody.
    """
    chance = random.Random(count)  # noqa: S311 - not for secrets
    made = [_same(text) for text in _FOR_ALL[:count]]
    made += [_for_one(number, chance) for number in range(len(made), count)]
    return made


_FOR_ALL: Final = (
    'data.status == "completed" && data.detected_issues.call_quality >= 5',
    'data.status == "summary_timeout"',
    '"silent" in data.tags',
    'data.status == "not_started" && data.max_participants > 1',
    "data.mixer_region != data.mixer_region_requested",
    'data.detected_issues.region_configuration >= 2 && data.mixer_region in ["us1", "ie1"]',
    "data.duration_seconds > 86000",
    "data.detected_issues.participant_behavior >= 10",
    'data.end_reason == "conference_ended_via_api" && data.recording_enabled == true',
    '"duplicate-identity" in data.tags',
)


def _for_one(number: int, chance: random.Random) -> Conditions:
    account = f"AC{chance.getrandbits(128):032x}"
    quality = chance.randrange(1, 9)
    kind = number % 20
    if kind >= len(_COMMON):
        return _special(number, kind)
    return _same(_COMMON[kind].format(account=account, quality=quality, number=number))


_ACCOUNT: Final = 'data.account_sid == "{account}"'
_COMMON: Final = (
    *(f'{_ACCOUNT} && data.status == "summary_timeout"',) * 6,
    *(_ACCOUNT + " && data.detected_issues.call_quality >= {quality}",) * 4,
    *(f"{_ACCOUNT} && data.mixer_region != data.mixer_region_requested",) * 3,
    *('"tag-{number}" in data.tags || data.end_reason == "reason-{number}"',) * 2,
    'data.mixer_region in ["region-{number}", "zone-{number}"] && data.max_participants > 5',
    "data.duration_seconds > 10{number:05} && data.max_participants > 50",
)


def _special(number: int, kind: int) -> Conditions:
    """Where the languages differ in more than the spelling of ``&&``."""
    if kind % 3:
        more = "data.max_participants > 10"
        return Conditions(
            f'data.friendly_name.startsWith("Team {number}") && {more}',
            f'data.friendly_name.starts_with("Team {number}") and {more}',
            f'startsWith(data.friendly_name, "Team {number}") and {more}',
        )
    pattern = f"Customer {number}, .* (weekly|daily)"
    return Conditions(
        f'data.friendly_name.matches("{pattern}")',
        f'data.friendly_name =~~ "{pattern}"',
        f'matches(data.friendly_name, "{pattern}")',
    )


def _same(cel: str) -> Conditions:
    other = cel.replace("&&", "and").replace("||", "or")
    return Conditions(cel, other, other)


def ours(conditions: list[Conditions]) -> tuple[RuleSet, Match]:
    """The rule set, and its judging in the shape that the others have."""
    rules = RuleSet(compiled([condition.cel for condition in conditions]))

    def match(event: dict[str, Any]) -> list[int]:
        return [int(rule.name) for rule in rules.judge(event["type"], event).matches]

    return rules, match


def compiled(conditions: list[str]) -> list[Rule]:
    """A rule for each condition, named by its number."""
    return [
        Rule(
            name=str(number),
            description="",
            events=(f"{SUMMARY}.*",),
            condition=compile_condition(condition),
            severity=Severity.WARNING,
            send_to=("sink",),
            summary="",
            mode=Mode.LIVE,
        )
        for number, condition in enumerate(conditions)
    ]


def with_rule_engine(conditions: list[Conditions]) -> Match:
    """Raises ImportError where it is not installed."""
    import rule_engine

    context = rule_engine.Context(resolver=rule_engine.resolve_item)
    rules = [rule_engine.Rule(each.rule_engine, context=context) for each in conditions]

    def match(event: dict[str, Any]) -> list[int]:
        return [number for number, rule in enumerate(rules) if rule.matches(event)]

    return match


def with_zen(conditions: list[Conditions]) -> Match:
    """Raises ImportError where it is not installed."""
    import zen

    compiled = [zen.compile_expression(each.zen) for each in conditions]

    def match(event: dict[str, Any]) -> list[int]:
        return [number for number, each in enumerate(compiled) if each.evaluate(event) is True]

    return match
