"""The words for what was recorded of an event."""

import pytest

from router.alerts import AlertKey
from router.api.event_views import match_text
from router.history.records import EventMatch, MatchOutcome


@pytest.mark.parametrize(
    ("match", "text"),
    [
        (EventMatch("r", MatchOutcome.NOTIFIED, destinations=("a", "b")), "notified a, b"),
        (
            EventMatch("r", MatchOutcome.SUPPRESSED, "muted", (), AlertKey("k")),
            "suppressed: a mute time of the rule",
        ),
        (EventMatch("r", MatchOutcome.SUPPRESSED, "new"), "suppressed: new"),
        (EventMatch("r", MatchOutcome.COUNTED), "counted, no alert yet"),
        (
            EventMatch("r", MatchOutcome.COUNTED, "late"),
            "left out: it came too late for the window of its key",
        ),
        (EventMatch("r", MatchOutcome.GROUPED), "waits in its group"),
    ],
)
def test_a_result_as_a_sentence(match: EventMatch, text: str) -> None:
    assert match_text(match) == text
