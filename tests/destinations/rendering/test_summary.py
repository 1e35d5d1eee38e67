import msgspec
import pytest

from router.destinations.rendering.summary import (
    SUMMARY_LIMIT,
    decode,
    facts,
    plain_summary,
    rfc3339,
    summary,
    template_variables,
)
from router.destinations.rendering.templates import ALERT_FIELDS, TemplateTarget


def with_summary(alert, template):
    return msgspec.structs.replace(alert, summary=template)


def with_data(alert, **data):
    event = {"specversion": "1.0", "id": "1", "source": "s", "type": alert.event_type, "data": data}
    return msgspec.structs.replace(alert, event=msgspec.json.encode(event))


def test_the_summary_is_the_rules_template_filled_in(alert):
    said = summary(alert, TemplateTarget.TEXT)
    assert (said.text, said.error) == ("Conference Weekly Standup Meeting timed out", "")


def test_the_name_that_is_missing_gives_way_to_the_id(alert):
    alert = with_data(alert, conference_sid="CF42")
    assert summary(alert, TemplateTarget.TEXT).text == "Conference CF42 timed out"


@pytest.mark.parametrize(
    "template",
    [
        "{{ data.nothing }}",
        "{{ data.status + 1 }}",
        "{{ 1 // 0 }}",
        "{{ data.tags[0] * 1000000 }}",
        "{{ not even a template",
        "{{ data.large | int }} {{ [] | first }}",
        "{{ " + "(" * 2000 + ")" * 2000 + " }}",
    ],
)
def test_a_failing_template_gives_the_plain_form_and_the_reason(template, alert):
    said = summary(with_summary(alert, template), TemplateTarget.TEXT)
    assert said.text == (
        "conference-summary-timeout: com.twilio.voice.insights.conference-summary.complete"
        " (conference Weekly Standup Meeting · CF0000000000000000000000000000001,"
        " account AC0000000000000000000000000000001, status summary_timeout)"
    )
    assert said.error.startswith("rule conference-summary-timeout: the summary of event NO0000")
    assert "\n" not in said.error


def test_no_template_gives_the_plain_form_and_no_error(alert):
    said = summary(with_summary(alert, ""), TemplateTarget.TEXT)
    assert (said.text, said.error) == (plain_summary(alert, TemplateTarget.TEXT), "")


def test_a_template_that_says_nothing_gives_the_plain_form(alert):
    alert = with_data(with_summary(alert, "{{ data.name }} "), name=" ")
    assert summary(alert, TemplateTarget.TEXT).text.startswith(
        "conference-summary-timeout: com.twilio"
    )


@pytest.mark.parametrize("target", list(TemplateTarget))
@pytest.mark.parametrize("template", ["{{ data.x }}", "{{ data.x }}" * 99, "", "{{ data.no }}"])
def test_the_summary_is_one_line_of_bounded_length(template, target, alert):
    text = "two\r\nlines & <more> \u202e" * 9_000
    alert = with_data(with_summary(alert, template), x=text, conference_sid=text)
    said = summary(msgspec.structs.replace(alert, event_type=text), target)
    assert len(said.text) <= SUMMARY_LIMIT
    assert said.text.splitlines() == [said.text]


@pytest.mark.parametrize("template", ["", "{{ data.no }}", "{{ data.x }}"])
def test_the_plain_form_is_escaped_too(template, alert):
    alert = with_data(with_summary(alert, template), x="<!channel>", conference_sid="<!here>")
    alert = msgspec.structs.replace(alert, event_type="<@U1>")
    assert "<" not in summary(alert, TemplateTarget.SLACK).text


@pytest.mark.parametrize(
    "event", [b"", b"not json", b'{"data": "\xff"}', b"[" * 100_000, b"{", b'{"data": [1]}']
)
def test_an_event_that_cannot_be_read_is_still_told_of(event, alert):
    alert = msgspec.structs.replace(alert, event=event)
    said = summary(alert, TemplateTarget.TEXT)
    assert said.text.startswith("conference-summary-timeout: com.twilio.voice.insights")
    assert {fact.label for fact in facts(alert, decode(alert))} >= {"Rule", "Event", "Event id"}


def test_a_constant_template_does_not_read_the_event(alert):
    alert = msgspec.structs.replace(alert, event=b"not json", summary="It happened again")
    assert summary(alert, TemplateTarget.TEXT).text == "It happened again"


def test_the_alert_itself_is_there_for_templates(alert):
    template = "{{ alert.severity }} {{ alert.rule }} {{ alert.raised_at }} {{ alert.id }}"
    said = summary(with_summary(alert, template), TemplateTarget.TEXT)
    assert said.text == (f"warning conference-summary-timeout 2023-11-14T22:13:20.000Z {alert.id}")


def test_facts_of_any_other_event_are_its_attributes(alert):
    event = {"subject": "disk 3", "data": "not an object"}
    alert = msgspec.structs.replace(alert, event_time="")
    found = {fact.label: fact.value for fact in facts(alert, event)}
    assert found["Subject"] == "disk 3"
    assert found["Event time"] == rfc3339(alert.event_received_at)
    assert not {"Conference", "Account", "Status"} & found.keys()


def test_moments_are_rfc_3339_in_utc():
    assert rfc3339(1_700_000_000.1239) == "2023-11-14T22:13:20.123Z"


def test_the_fields_of_an_alert_that_templates_may_name_are_those_that_it_has(delivery):
    alert = msgspec.structs.replace(delivery.alert, summary="{{ alert.rule }}")
    variables = template_variables(alert, {}, "a line")
    assert variables["alert"].keys() == ALERT_FIELDS | {"summary"}
