"""Slack's error codes: which are final, and which are retried."""

import msgspec
import pytest
from support.sinks import Reply

from router.alerts import Failed, Refused
from router.destinations.slack_errors import CHAT_FINAL, PASSING, chat_outcome
from router.destinations.transport.http_status import HttpReply


def said(**answer: object) -> Reply:
    return Reply(200, msgspec.json.encode(answer))


@pytest.mark.fault_row(55)
@pytest.mark.parametrize("word", sorted(CHAT_FINAL))
def test_final_words_are_refused_and_tell_the_next_step(word):
    answer = HttpReply(200, "", "", said(ok=False, error=word).body)
    refused = Refused(f"Slack: {word} ({CHAT_FINAL[word]})", 200, word)
    assert chat_outcome(answer, now=0.0) == refused


@pytest.mark.fault_row(56)
@pytest.mark.parametrize("word", [*sorted(PASSING), "something_new"])
def test_passing_and_unknown_words_are_tried_again(word):
    answer = HttpReply(200, "", "", said(ok=False, error=word).body)
    assert chat_outcome(answer, now=0.0) == Failed(f"Slack: {word}", 200, word)
