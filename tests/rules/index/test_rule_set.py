"""The rules that an event is evaluated by, and their results."""

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.judging import judge_each, met
from support.with_re2 import NEEDS_RE2

from router.alerts import Severity
from router.cel import compile_condition
from router.rules.index.rule_set import Judgement, RuleSet
from router.rules.model import EventWatch, Mode, Rule
from router.rules.state.feature import Feature, StateId

SUMMARY = "com.twilio.voice.insights.conference-summary"


def rule(name: str, *events: str, when: str = "") -> Rule:
    return Rule(
        name=name,
        description="",
        events=events,
        condition=compile_condition(when) if when else None,
        severity=Severity.INFO,
        send_to=("noc",),
        summary="",
        mode=Mode.LIVE,
    )


ABSENT = Feature(state=StateId("absent"))
RESOLVE = Feature(state=StateId("resolve"))


class Watchful(Rule, frozen=True, kw_only=True):
    """A rule that also watches for events that end something."""

    @property
    def watches(self) -> tuple[EventWatch, ...]:
        ends = compile_condition("data.left == 0")
        return (
            *super().watches,
            EventWatch(self, ABSENT, ("x.complete",), None),
            EventWatch(self, RESOLVE, ("x.*",), ends),
        )


def watchful(name: str, *events: str, when: str = "") -> Rule:
    return Watchful(**{key: getattr(rule(name, *events, when=when), key) for key in FIELDS})


FIELDS = Rule.__struct_fields__


def names(rules: tuple[Rule, ...]) -> list[str]:
    return [rule.name for rule in rules]


@pytest.mark.parametrize(
    ("pattern", "event_type"),
    [
        (f"{SUMMARY}.complete", f"{SUMMARY}.complete"),
        (f"{SUMMARY}.*", f"{SUMMARY}.complete"),
        (f"{SUMMARY}.*", f"{SUMMARY}."),
        (f"{SUMMARY}*", SUMMARY),
        ("*", "x"),
        ("*", ""),
    ],
)
def test_a_rule_meets_the_types_that_it_names(pattern: str, event_type: str) -> None:
    assert names(RuleSet([rule("one", pattern)]).candidates(event_type)) == ["one"]


@pytest.mark.parametrize(
    ("pattern", "event_type"),
    [
        (f"{SUMMARY}.complete", f"{SUMMARY}.completed"),
        (f"{SUMMARY}.complete", f"{SUMMARY}.complet"),
        (f"{SUMMARY}.complete", f"{SUMMARY}.COMPLETE"),
        (f"{SUMMARY}.*", SUMMARY),
        ("com.example.*", "com"),
    ],
)
def test_a_rule_meets_no_other_types(pattern: str, event_type: str) -> None:
    assert names(RuleSet([rule("one", pattern)]).candidates(event_type)) == []


def test_rules_are_met_in_their_order_whatever_their_patterns() -> None:
    rules = RuleSet(
        [rule("a", "*"), rule("b", "x.y"), rule("c", "x.*"), rule("d", "x.y"), rule("e", "x*")]
    )
    assert names(rules.candidates("x.y")) == ["a", "b", "c", "d", "e"]
    assert names(rules.candidates("x.z")) == ["a", "c", "e"]
    assert names(rules.judge("x.y", {}).matches) == ["a", "b", "c", "d", "e"]


def test_a_rule_is_judged_once_however_many_of_its_patterns_fit() -> None:
    rules = RuleSet([rule("one", "x.y", "x.*", "*", "x.y", "x.y*")])
    assert names(rules.judge("x.y", {}).matches) == ["one"]
    assert names(rules.judge("z", {}).matches) == ["one"]


def test_an_event_without_rules_has_an_empty_judgement() -> None:
    judgement = RuleSet([rule("one", "x")]).judge("y", {})
    assert (judgement.matches, judgement.errors) == ((), ())


@pytest.mark.parametrize(
    ("data", "matches", "errors"),
    [
        ({"status": "late"}, ["always", "late"], ["late-and-many"]),
        ({"status": "fine"}, ["always"], []),
        ({"status": 3}, ["always"], []),
        ({"status": "late", "n": "many"}, ["always", "late"], ["late-and-many"]),
        ({"status": "late", "n": 3}, ["always", "late", "late-and-many"], []),
    ],
)
def test_a_rule_holds_fails_or_cannot_be_judged(
    data: object, matches: list[str], errors: list[str]
) -> None:
    late = 'data.status == "late"'
    many = rule("late-and-many", "*", when=f"{late} && data.n > 2 || {late} && data.n == 0")
    rules = RuleSet([rule("always", "*"), rule("late", "*", when=late), many])
    judgement = rules.judge("x", {"type": "x", "data": data})
    assert names(judgement.matches) == matches
    assert failed(judgement) == errors


def failed(judgement: Judgement) -> list[str]:
    return [failure.rule.name for failure in judgement.errors]


@pytest.mark.parametrize("data", [{}, None, {"n": 3}])
def test_a_rule_that_is_skipped_has_no_error_unless_each_is_asked(data: object) -> None:
    rules = RuleSet([rule("late", "*", when='data.status == "late" && data.n > 2')])
    assert failed(rules.judge("x", {"data": data})) == []
    assert failed(judge_each(rules, "x", {"data": data})) == ["late"]


def test_a_failure_says_why_when_asked() -> None:
    rules = RuleSet([rule("late", "*", when="data.status == 'late' && data.n > 3")])
    (failure,) = rules.judge("x", {"data": {"status": "late"}}).errors
    assert failure.reason == "no such field: data.n"


def ended(watches: tuple[EventWatch, ...]) -> list[tuple[str, Feature | None]]:
    return [(watch.rule.name, watch.ends) for watch in watches]


def test_what_ends_an_absence_or_an_alert_is_told_apart_from_what_raises_one() -> None:
    rules = RuleSet([watchful("first", "x.complete"), watchful("second", "y")])
    judgement = rules.judge("x.complete", {"data": {"left": 0}})
    assert names(judgement.matches) == ["first"]
    assert ended(judgement.endings) == [
        ("first", ABSENT),
        ("first", RESOLVE),
        ("second", ABSENT),
        ("second", RESOLVE),
    ]


def test_a_failure_to_judge_an_end_is_told_with_the_rules_own() -> None:
    rules = RuleSet([watchful("one", "x.*", when="data.left > 0")])
    judgement = judge_each(rules, "x.partial", {"data": {}})
    assert [failure.watch.ends for failure in judgement.errors] == [None, RESOLVE]
    assert {failure.reason for failure in judgement.errors} == {"no such field: data.left"}


def test_what_would_end_an_alert_makes_no_rule_a_candidate() -> None:
    rules = RuleSet([watchful("one", "y")])
    assert rules.candidates("x.complete") == ()
    assert names(rules.candidates("y")) == ["one"]


patterns = st.builds(
    "".join, st.tuples(st.text("ab.", max_size=5), st.sampled_from(["", "*"]))
).filter(bool)


@given(
    rules=st.lists(st.lists(patterns, min_size=1, max_size=4), max_size=8),
    event_type=st.text("ab.", max_size=7),
)
def test_the_plans_find_what_comparing_every_pattern_finds(
    rules: list[list[str]], event_type: str
) -> None:
    rule_set = RuleSet(rule(str(number), *events) for number, events in enumerate(rules))
    naive = [
        str(number)
        for number, events in enumerate(rules)
        if any(
            event_type.startswith(pattern[:-1]) if pattern.endswith("*") else event_type == pattern
            for pattern in events
        )
    ]
    assert names(rule_set.candidates(event_type)) == naive
    assert names(rule_set.judge(event_type, {}).matches) == naive


@pytest.mark.parametrize(
    ("when", "data", "meets"),
    [
        ('data.a == "v{}"', {"a": "v7"}, ["7"]),
        ("data.a == {}", {"a": 7.0}, ["7"]),
        ("data.a == {}", {"a": True}, []),
        ("data.a in [{}, {}.5]", {"a": 7.5}, ["7"]),
        ('"v{}" in data.a', {"a": ["v7", "v9"]}, ["7", "9"]),
        ('"v{}" in data.a', {"a": {"v7": 0}}, ["7"]),
        ("data.a > {}", {"a": 3}, ["0", "1", "2"]),
        ("data.a <= {}", {"a": 97.5}, ["98", "99"]),
        ("!(data.a > {})", {"a": 98}, ["98", "99"]),
        ('data.a.startsWith("v{}-")', {"a": "v7-x"}, ["7"]),
        ('data.a.endsWith("-{}")', {"a": "v-7"}, ["7"]),
        ('data.a.contains("({})")', {"a": "v(7)(8)"}, ["7", "8"]),
        ('data.a.matches("(?i)^V{}$")', {"a": "v7"}, ["7"]),
        ("has(data.a{})", {"a7": None}, ["7"]),
        ("data.a{} != 1", {"a7": 1}, ["7"]),
        ("size(data.a{}) > 1", {"a7": 1}, ["7"]),
        ('data.a.exists(x, x.k == "v{}")', {"a": [{"k": "v7"}, {}]}, ["7"]),
        ('data.a == "v{}" && data.b != 1 && data.c > 0', {"a": "v7", "b": 2, "c": 1}, ["7"]),
        ('data.a == "v{}" || data.b == "v{}"', {"a": "v7", "b": "v8"}, ["7", "8"]),
        ("data.a == 1 ? data.b == {} : data.c == {}", {"a": 1, "b": 7, "c": 8}, ["7", "8"]),
        ("false && data.a == {}", {"a": 7}, []),
    ],
)
def test_an_event_meets_few_of_a_hundred_rules(
    when: str, data: dict[str, object], meets: list[str]
) -> None:
    rules = RuleSet(
        rule(str(number), "x", when=when.replace("{}", str(number))) for number in range(100)
    )
    assert met(rules, "x", {"type": "x", "data": data}) == meets


def test_a_rule_is_found_by_what_it_shares_with_the_fewest() -> None:
    rules = RuleSet(
        rule(str(number), "x", when=f'data.status == "late" && data.account == "{number}"')
        for number in range(20)
    )
    for status in ("late", "fine"):
        event = {"data": {"status": status, "account": "7"}}
        assert met(rules, "x", event) == ["7"]


@pytest.mark.parametrize(
    "when",
    [
        '"subject" in event',
        'event.exists(name, name == "subject")',
        '!event.all(name, !name.startsWith("sub"))',
        '"subject" in event && !("other" in event)',
    ],
)
@pytest.mark.parametrize("others", [0, 1, 100])
def test_a_condition_on_the_attributes_of_an_event_finds_its_rule(when: str, others: int) -> None:
    rules = RuleSet(
        [
            rule("one", "x", when=when),
            *(
                rule(f"other-{number}", "x", when=f"event.a{number} == 1")
                for number in range(others)
            ),
        ]
    )
    assert names(rules.judge("x", {"type": "x", "subject": "s"}).matches) == ["one"]
    assert names(rules.judge("x", {"type": "x"}).matches) == []


def test_a_rule_that_nothing_restricts_is_always_met() -> None:
    rules = RuleSet([rule("never-wrong", "x", when="!(data.a == 1 && false) || true")])
    assert met(rules, "x", {"data": {}}) == ["never-wrong"]


@pytest.mark.parametrize("when", ["data.n > 1", "data.n >= 1", "data.n < 1", "data.n <= 1"])
def test_what_is_no_number_passes_no_threshold(when: str) -> None:
    rules = RuleSet([rule("one", "x", when=when), rule("not", "x", when=f"!({when})")])
    event = {"data": {"n": float("nan")}}
    assert names(rules.judge("x", event).matches) == ["not"]
    assert names(judge_each(rules, "x", event).matches) == ["not"]


def test_half_a_character_is_searched_for_patterns_as_any_other() -> None:
    rules = RuleSet([rule("one", "x", when='data.a.contains("b") || data.a.matches("b")')])
    event = {"data": {"a": "b\ud800"}}
    assert names(rules.judge("x", event).matches) == ["one"]


@pytest.mark.parametrize(
    "pattern", [pytest.param("x{}\\\\pL{20}$", marks=NEEDS_RE2), "x{}[a-z]{900}$", "x{}$"]
)
def test_patterns_however_large_find_their_rule(pattern: str) -> None:
    rules = RuleSet(
        rule(str(number), "x", when=f'data.a.matches("{pattern.replace("{}", str(number))}")')
        for number in range(8)
    )
    for text in ("x7", "x7" + "é" * 20, "x7" + "e" * 900, ""):
        event = {"data": {"a": text}}
        assert rules.judge("x", event) == judge_each(rules, "x", event)


def test_a_rule_that_many_elements_of_a_list_find_is_told_once() -> None:
    rules = RuleSet([rule("one", "x", when='"a" in data.l || data.l.exists(x, x != "b")')])
    event = {"data": {"l": ["a"] * 30_000}}
    assert names(rules.judge("x", event).matches) == ["one"]


def matches_of_made_up_types(rules: RuleSet, seed: str) -> int:
    return sum(
        len(rules.judge(f"com.example.{seed}.{number}", {"data": {}}).matches)
        for number in range(5000)
    )


def test_made_up_event_types_leave_nothing_behind() -> None:
    rules = RuleSet([rule("one", "com.example.*", when="data.x == 1"), rule("two", "*")])
    tracemalloc.start()
    matches_of_made_up_types(rules, "first")
    before = tracemalloc.get_traced_memory()[0]
    matches = matches_of_made_up_types(rules, "second")
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert matches == 5000
    assert grown < 5000
