"""The next step after a refusal is that of its source, and a URL is shown without its values."""

import pytest

from router.ingress.refusal_hints import next_step, without_values


@pytest.mark.parametrize(
    ("source", "code", "expected"),
    [
        ("twilio", "wrong_signature", "ROUTER_TWILIO_AUTH_TOKENS"),
        ("", "not_found", "POST /events"),
        ("crm", "too_large", "ROUTER_MAX_BODY"),
        ("crm", "too_many", "rate of the source"),
        ("crm", "too_many_events", "events_per_request"),
        ("crm", "not_mappable", "router sources test"),
        ("unknown", "not_found", "router sources list"),
        # Its secret is in the rules folder.
        ("crm", "wrong_signature", None),
    ],
)
def test_the_next_step_is_that_of_the_source(source: str, code: str, expected: str | None) -> None:
    step = next_step(source, code)
    assert (step == "") if expected is None else (expected in step)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://a.example/twilio", "https://a.example/twilio"),
        ("https://a.example/t?bodySHA256=ab&key=s#x", "https://a.example/t?bodySHA256=ab&key=…"),
        ("http://[::1/t?key=s", "http://[::1/t"),
        ("https://a.example/t?s3cr3t", "https://a.example/t?…"),
    ],
)
def test_a_url_has_no_values(url: str, shown: str) -> None:
    assert without_values(url) == shown
