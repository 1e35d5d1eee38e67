"""Why a rule did, or did not, tell of an event: by the record and by today's rules."""

from pathlib import Path

import msgspec
import pytest

from router.alerts import AlertKey, alert_id
from router.api.event_explanation import (
    KnownEvent,
    content_of,
    explained_rules,
    rule_count,
    summary_text,
)
from router.api.event_views import PartResult, RuleOutcomeView, RuleVerdict
from router.configuration.load import load
from router.events.decode import decode_strictly
from router.history.records import EventMatch, EventOutcome, MatchOutcome
from router.rules.index.rule_set import RuleSet
from router.settings.choices import KeptBody

RULES = """
destinations: {noc: {capture: {}}}
rules:
  - name: call-quality
    events: [com.example.call]
    when: data.issues >= 3 && data.region in ["us1", "us2"]
    send_to: [noc]
    cooldown: {for: 1h, by: [data.region]}
  - name: from-known
    events: [com.example.call]
    when: data.from == "+1" && data.issues >= 1
    send_to: [noc]
  - name: present
    events: [com.example.call]
    when: has(data.hint) || data.issues > 100
    send_to: [noc]
  - name: typo
    events: [com.example.call]
    when: data.area == "us1"
    send_to: [noc]
  - name: tagged
    events: [com.example.tagged]
    when: data.tags.exists(t, t == "x") || data.legs.exists(leg, leg.to == "x")
    send_to: [noc]
  - name: muted-leg
    events: [com.example.tagged]
    when: data.legs.exists(leg, leg.muted)
    send_to: [noc]
  - name: other
    events: [com.example.other]
    send_to: [noc]
"""
BODY = b"""{"specversion": "1.0", "id": "1", "source": "test", "type": "com.example.call",
"time": "2026-01-01T00:00:00Z", "data": {"issues": 2, "region": "us1", "from": "+1"}}"""
AT = 1_767_225_600.0
NOTIFIED = EventMatch("call-quality", MatchOutcome.NOTIFIED, "", ("noc",), AlertKey("ak_1"))


@pytest.fixture
def rules(tmp_path: Path) -> RuleSet:
    (tmp_path / "a.yaml").write_text(RULES)
    return load(tmp_path, {}).rules


def known(body: bytes = BODY, **more: object) -> KnownEvent:
    (event,) = decode_strictly(body, received_at=AT, max_events=1)
    fields = {"outcome": EventOutcome.FILTERED, "evaluated_at": AT, **more}
    return KnownEvent(event=event, **fields)  # type: ignore[arg-type]


def explained(event: KnownEvent, rules: RuleSet, only: str = "") -> dict[str, RuleOutcomeView]:
    found = explained_rules(event, content_of(event), rules, only=only)
    return {each.rule: each for each in found}


def test_the_false_part_has_its_value_and_the_others_theirs(rules: RuleSet) -> None:
    event = known()
    views = explained(event, rules)

    assert list(views) == ["call-quality", "from-known", "present", "typo"]
    view = views["call-quality"]
    assert view.verdict is RuleVerdict.NOT_MATCHED
    assert view.text == "did not match: data.issues >= 3 is false: data.issues = 2"
    assert [(each.result, each.values, each.decides) for each in view.parts] == [
        (PartResult.FALSE, "data.issues = 2", True),
        (PartResult.TRUE, 'data.region = "us1"', False),
    ]
    assert rule_count(event, rules) == (4, 3)


MASKED = BODY.replace(b'"+1"', b'"***"')
CUT = b'{"specversion": "1.0", "id": "1", "source": "test", "type": "com.example.call"}'
FEW = CUT[:-1] + b', "data": {"issues": 2}}'
TAGGED = b"""{"specversion": "1.0", "id": "1", "source": "test", "type": "com.example.tagged",
"data": {"tags": ["a", "***"], "legs": [{"to": "***", "muted": false}]}}"""
FIELDS = {"kept": KeptBody.FIELDS, "is_same_generation": False}


@pytest.mark.parametrize(
    ("event", "rule", "text"),
    [
        (known(), "typo", "evaluation failed: no such field: data.area"),
        (
            known(),
            "present",
            "did not match: has(data.hint) || data.issues > 100 is false: data.issues = 2",
        ),
        (known(), "from-known", "matches by today's rules, and did not when it was evaluated"),
        (
            known(outcome=EventOutcome.DUPLICATE),
            "from-known",
            "its condition matches, but the event was not evaluated",
        ),
        (known(outcome=None), "from-known", "matches, and is not evaluated yet"),
        (
            known(MASKED, is_masked=True),
            "from-known",
            'cannot be judged: data.from == "+1" is unknown: data.from = "***"',
        ),
        (
            known(MASKED.replace(b"2,", b"0,"), is_masked=True),
            "from-known",
            "did not match: data.issues >= 1 is false: data.issues = 0",
        ),
        (
            known(TAGGED, is_masked=True),
            "tagged",
            (
                'cannot be judged: data.tags.exists(t, t == "x") || data.legs.exists(leg, leg.to == "x") is'
                ' unknown: data.tags = ["a","***"], data.legs = [{"to":"***","muted":false}]'
            ),
        ),
        (
            known(TAGGED, is_masked=True),
            "muted-leg",
            (
                "did not match: data.legs.exists(leg, leg.muted) is false:"
                ' data.legs = [{"to":"***","muted":false}]'
            ),
        ),
        (
            known(CUT, kept=KeptBody.NONE),
            "typo",
            'cannot be judged: data.area == "us1" is unknown: data.area = nothing',
        ),
        (
            known(FEW, **FIELDS),
            "present",
            "cannot be judged: has(data.hint) || data.issues > 100 is unknown: data.issues = 2",
        ),
        (
            known(FEW, **FIELDS),
            "call-quality",
            "did not match: data.issues >= 3 is false: data.issues = 2",
        ),
        (
            known(FEW, kept=KeptBody.FIELDS),
            "typo",
            "evaluation failed: no such field: data.area",
        ),
        (
            known(BODY.replace(b"2,", b"5,"), outcome=EventOutcome.MATCHED, matches=(NOTIFIED,)),
            "call-quality",
            "matched: notified noc",
        ),
        (
            known(outcome=EventOutcome.MATCHED, matches=(NOTIFIED,)),
            "call-quality",
            "matched: notified noc; by today's rules it does not match",
        ),
        (
            known(matches=(EventMatch("gone", MatchOutcome.SUPPRESSED, "muted"),)),
            "gone",
            "suppressed: a mute time of the rule; today there is no such rule",
        ),
        (
            known(matches=(EventMatch("call-quality", MatchOutcome.RESOLVED, is_match=False),)),
            "call-quality",
            (
                "resolved an alert; its own condition did not match: data.issues >= 3 is false:"
                " data.issues = 2"
            ),
        ),
        (
            known(matches=(EventMatch("other", MatchOutcome.RESOLVED, is_match=False),)),
            "other",
            "resolved an alert",
        ),
    ],
)
def test_a_rule_says_what_came_of_an_event(
    rules: RuleSet, event: KnownEvent, rule: str, text: str
) -> None:
    assert explained(event, rules, rule)[rule].text == text


def test_a_match_has_its_alert_what_the_rule_remembers_and_what_it_ended_beside(
    rules: RuleSet,
) -> None:
    ended = EventMatch("call-quality", MatchOutcome.ENDED, is_match=False)
    event = known(outcome=EventOutcome.MATCHED, matches=(ended, NOTIFIED))
    view = explained(event, rules)["call-quality"]
    assert view.alert == alert_id(event.event.key, "call-quality")
    assert view.recorded is not None
    assert view.recorded.outcome == "notified"
    assert view.notes[0].startswith("the message to noc is not known any more: a later one")
    assert view.notes[1] == "ended what waited, of which no destination was told"
    assert 'notifies once in 1h by data.region="us1"' in view.notes[2]


def test_a_body_that_cannot_be_decoded_says_so(rules: RuleSet) -> None:
    event = known()
    broken = msgspec.structs.replace(event, event=msgspec.structs.replace(event.event, body=b"{"))
    views = explained(broken, rules)
    assert {each.text for each in views.values()} == {
        "cannot be judged: its body cannot be decoded"
    }


@pytest.mark.parametrize(
    ("event", "candidates", "text"),
    [
        (known(), 4, "No alert came of it: no rule matched it."),
        (known(), 0, "No alert came of it: no rule is for its type."),
        (
            known(
                outcome=EventOutcome.MATCHED,
                matches=(EventMatch("k", MatchOutcome.RESOLVED, is_match=False),),
            ),
            4,
            "It raised no alert that was told: k resolved an alert.",
        ),
        (
            known(
                outcome=EventOutcome.SUPPRESSED,
                matches=(EventMatch("call-quality", MatchOutcome.SUPPRESSED, "silenced"),),
            ),
            4,
            "No destination was told: call-quality suppressed: a silence.",
        ),
        (
            known(outcome=EventOutcome.QUARANTINED),
            4,
            "It is in quarantine, and no rule has judged it: too deep.",
        ),
        (
            known(outcome=EventOutcome.MATCHED, matches=(NOTIFIED,)),
            4,
            "1 rule notified: call-quality.",
        ),
    ],
)
def test_an_event_in_a_sentence(event: KnownEvent, candidates: int, text: str) -> None:
    assert summary_text(event, "too deep", [], candidates) == text
