"""The body of a mail: the same content in its text and its HTML part."""

import re

import msgspec
import pytest

from router.alerts import AlertStatus
from router.destinations.contract import Links
from router.destinations.rendering.email_body import (
    DESCRIPTION_LIMIT,
    html_part,
    text_part,
)
from router.destinations.rendering.summary import decode

LINKS = Links(
    acknowledge="https://r.example/alerts/acknowledge?s=1&t=2",
    silence="https://r.example/alerts/silence?s=1",
    show="https://r.example/alerts/1",
)


def parts(delivery, summary="It happened", links=LINKS):
    event = decode(delivery.alert)
    return text_part(delivery, summary, event, links), html_part(delivery, summary, event, links)


def with_alert(delivery, **values):
    alert = msgspec.structs.replace(delivery.alert, **values)
    return msgspec.structs.replace(delivery, alert=alert)


def test_the_text_begins_with_the_summary_and_ends_with_the_ids(delivery):
    text, _ = parts(delivery)
    assert text.startswith("It happened\n\n")
    assert text.endswith(f"\n\n-- \nDelivery {delivery.id}, alert {delivery.alert.id}\n")


def test_the_facts_are_aligned(delivery):
    text, _ = parts(delivery)
    facts = text.split("\n\n")[2].splitlines()
    columns = {found.end() for line in facts if (found := re.match(r"[A-Z][a-z ]+: +", line))}
    assert len(facts) == 9
    assert len(columns) == 1


def test_both_parts_name_the_same_facts_notes_members_and_links(full, linked):
    links = linked.links(full.alert)
    text, html = parts(full, links=links)
    for expected in ("Escalated (level 1)", "team=voice, tier=gold", "and 10 more", links.show):
        assert expected in text
        assert expected in html


@pytest.mark.parametrize(
    ("status", "labels"),
    [
        (AlertStatus.FIRING, ["Acknowledge", "Silence", "Show"]),
        (AlertStatus.RESOLVED, ["Show"]),
    ],
)
def test_a_resolved_alert_is_not_acknowledged(status, labels, delivery):
    text, html = parts(with_alert(delivery, status=status))
    lines = [line.split(": ")[0] for line in text.splitlines() if ": https://r.example" in line]
    assert lines == labels
    assert html.count('href="https://r.example') == len(labels)


def test_without_links_members_or_notes_there_is_no_empty_paragraph(delivery):
    text, html = parts(with_alert(delivery, description=""), links=Links())
    assert "\n\n\n" not in text
    assert "Also" not in text + html
    assert "href" not in html


def test_no_text_becomes_markup(delivery):
    hostile = "<script>alert(1)</script> & \"'"
    event = {"data": {"friendly_name": hostile, "conference_sid": hostile}, "subject": hostile}
    alert = {"description": hostile, "event_id": hostile, "event": msgspec.json.encode(event)}
    _, html = parts(with_alert(delivery, **alert), summary=hostile)
    assert "<script" not in html
    assert "&lt;script&gt;" in html


def test_a_description_is_one_line_of_limited_length(delivery):
    text, _ = parts(with_alert(delivery, description="two\nlines " + "x" * 5000))
    (line,) = [line for line in text.splitlines() if line.startswith("two lines")]
    assert len(line) == DESCRIPTION_LIMIT
