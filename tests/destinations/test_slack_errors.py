"""Slack's error codes: which are final, and which are retried."""

import msgspec
import pytest
from support.sinks import Reply

from router.alerts import Failed, Refused
from router.destinations.slack_errors import CHAT_FINAL, PASSING, chat_outcome, webhook_outcome
from router.destinations.transport.http_status import HttpReply


def said(**answer: object) -> Reply:
    return Reply(200, msgspec.json.encode(answer))


@pytest.mark.fault_row(55)
@pytest.mark.parametrize("word", sorted(CHAT_FINAL))
def test_final_words_are_refused_and_tell_the_next_step(word):
    answer = HttpReply(200, "", "", said(ok=False, error=word).body)
    is_malformed = CHAT_FINAL[word] == CHAT_FINAL["invalid_blocks"]
    reason = f"Slack: {word} ({CHAT_FINAL[word]})"
    refused = Refused(reason, 200, word, of_delivery=is_malformed)
    assert chat_outcome(answer, now=0.0) == refused


@pytest.mark.fault_row(56)
@pytest.mark.parametrize("word", [*sorted(PASSING), "something_new"])
def test_passing_and_unknown_words_are_tried_again(word):
    answer = HttpReply(200, "", "", said(ok=False, error=word).body)
    failed = Failed(f"Slack: {word}", 200, word, throttled=word in {"rate_limited", "ratelimited"})
    assert chat_outcome(answer, now=0.0) == failed


@pytest.mark.parametrize("status", [429, 400])
@pytest.mark.parametrize("word", ["rate_limited", "ratelimited"])
def test_a_webhooks_rate_limit_is_known_by_its_word(word, status):
    """Case D1: a rate limit does not use up a delivery's attempts, whatever its status."""
    outcome = webhook_outcome(HttpReply(status, "1", word), now=0.0)
    assert outcome == Failed(f"Slack: {word}", status, word, 1.0, throttled=True)
