"""The judgement that each page shows, and what it says to do."""

from typing import Any

import pytest

from router.console.overall_state import Attention, Situation, judge, notes

FULL = "Redis uses more than 80% of its maxmemory; wait until the workers have drained it"


@pytest.mark.parametrize(
    ("facts", "level", "sentence", "path", "advice"),
    [
        ({}, "good", "all well", "/console", ""),
        (
            {"redis_error": "connection refused"},
            "critical",
            "Redis does not answer",
            "/console",
            "connection refused",
        ),
        (
            {"refusal": FULL},
            "critical",
            "events are refused: Redis uses more than 80% of its maxmemory",
            "/console",
            "Wait until the workers have drained it.",
        ),
        (
            {"refusal": "Redis may lose events: no AOF"},
            "critical",
            "events are refused: Redis may lose events: no AOF",
            "/console",
            "Senders retry them",
        ),
        ({"unevaluated": 9, "unevaluated_seconds": 15.0}, "good", "all well", "/console", ""),
        (
            {"unevaluated": 1, "unevaluated_seconds": 15.1},
            "critical",
            "1 event waits to be evaluated since 15 s",
            "/console",
            "See whether a worker runs",
        ),
        (
            {"failing": ("chat/one",)},
            "warning",
            "destination chat/one is failing",
            "/console/destinations/chat%2Fone",
            "See what the receiver answered last",
        ),
        (
            {"failing": ("a", "b")},
            "warning",
            "destinations a and b are failing",
            "/console/destinations",
            "attempted again",
        ),
        (
            {"failing": ("a", "b", "c")},
            "warning",
            "3 destinations are failing",
            "/console/destinations",
            "attempted again",
        ),
        (
            {"refusing": ("github",)},
            "warning",
            "requests to github are refused",
            "/console/sources/github",
            "correct it at the sender or in the settings",
        ),
        (
            {"refusing": ("a", "b")},
            "warning",
            "requests to a and b are refused",
            "/console/sources",
            "See why",
        ),
        (
            {"refusing": ("a", "b", "c")},
            "warning",
            "requests to several sources are refused",
            "/console/sources",
            "See why",
        ),
        (
            {"disabled": ("a",)},
            "warning",
            "destination a is disabled",
            "/console/destinations/a",
            "correct its address in the rules, then resume",
        ),
        ({"slowest": "a", "slowest_seconds": 60.0}, "good", "all well", "/console", ""),
        (
            {"slowest": "a", "slowest_seconds": 61.0},
            "warning",
            "a delivery to a has been due for 1 min",
            "/console/destinations/a",
            "rate-limited",
        ),
        (
            {"dead_letters": 5, "new_dead_letters": 2},
            "warning",
            "2 deliveries were given up in the last 10 minutes",
            "/console/dead-letters",
            "then replay them",
        ),
        (
            {"paused": ("a", "b")},
            "warning",
            "destinations a and b are paused",
            "/console/destinations",
            "until an operator resumes them",
        ),
        (
            {"rules_error": "a.yaml:3: no such key"},
            "warning",
            "the last change of the rules was rejected",
            "/console/rules",
            "stay active: a.yaml:3",
        ),
        ({"dead_letters": 1, "quarantined": 2}, "good", "all well", "/console", ""),
    ],
)
def test_the_worst_of_what_is_true_is_told_with_the_next_step_and_its_page(
    facts: dict[str, Any], level: str, sentence: str, path: str, advice: str
) -> None:
    judged = judge(Situation(**facts))

    assert (judged.level, judged.sentence, judged.path) == (level, sentence, path)
    assert advice in judged.advice


def test_all_else_that_is_true_is_noted_the_worst_first() -> None:
    found = notes(
        Situation(
            refusal=FULL,
            failing=("a",),
            paused=("b",),
            rules_error="no",
            dead_letters=1,
            quarantined=2,
        )
    )

    assert [(each.level, each.sentence) for each in found] == [
        (Attention.WARNING, "destination a is failing"),
        (Attention.WARNING, "destination b is paused"),
        (Attention.WARNING, "the last change of the rules was rejected"),
        (Attention.GOOD, "1 dead letter waits for a decision"),
        (Attention.GOOD, "2 events are in quarantine"),
    ]
