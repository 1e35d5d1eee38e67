"""The advice for a sink that cannot be connected, by the evidence that there is."""

import pytest

from router.client.twilio_advice import (
    MissingTest,
    SinkSituation,
    alerts_of,
    of_alert,
    of_api_error,
    of_missing_test,
    of_probe,
)
from router.client.twilio_api import TwilioApiError
from router.client.twilio_probe import ProbeFinding, ProbeReport
from router.client.twilio_resources import DebuggerAlert
from router.journal.source_log import RefusedRequest

URL = "https://events.example.com/twilio"
HERE = SinkSituation(url=URL, account="AC1")
ACCEPTED = ProbeReport(finding=ProbeFinding.ACCEPTED, status=202)
GOOD = {ProbeFinding.ACCEPTED, ProbeFinding.REACHED}
OTHER = "https://router.internal/twilio"


def refused(code: str, hint: str = "", client: str = "") -> RefusedRequest:
    return RefusedRequest(
        at=1.0, status=403, code=code, reason="the reason", hint=hint, client=client
    )


def alert(code: str, **fields: str) -> DebuggerAlert:
    return DebuggerAlert(sid="NO1", error_code=code, **fields)


@pytest.mark.parametrize("finding", ProbeFinding)
def test_each_finding_has_advice_unless_it_is_good(finding: ProbeFinding) -> None:
    advice = of_probe(ProbeReport(finding=finding, status=403, reason="why"), HERE)

    assert (advice is None) is (finding in GOOD)
    assert advice is None or (advice.problem.endswith(".") and advice.remedy.endswith("."))


@pytest.mark.parametrize(
    ("situation", "problem"),
    [
        (HERE, "it checks another URL, or it does not have the auth token of AC1."),
        (
            SinkSituation(url=URL, settings_url=OTHER, has_token=False),
            f"it checks the URL {OTHER}, and Twilio signs {URL}.",
        ),
        (
            SinkSituation(url=URL, settings_url=URL, has_token=False, account="AC1"),
            "ROUTER_TWILIO_AUTH_TOKENS does not have the auth token of AC1.",
        ),
        (SinkSituation(url=URL, has_token=True), "the router checks another URL than"),
        # The router's own record is better than the settings here.
        (
            SinkSituation(url=URL, settings_url=OTHER, checked_urls=(URL,), account="AC1"),
            "does not have the auth token of AC1.",
        ),
        (
            SinkSituation(url=URL, has_token=False, checked_urls=(OTHER, f"{OTHER}/")),
            f"it checks the URL {OTHER}, and Twilio signs {URL}.",
        ),
        (
            SinkSituation(url=URL, checked_urls=(OTHER, "https://events.example.com:443/twilio")),
            "does not have the auth token",
        ),
    ],
)
def test_a_wrong_url_and_a_wrong_token_are_told_apart(
    situation: SinkSituation, problem: str
) -> None:
    report = ProbeReport(finding=ProbeFinding.WRONG_SIGNATURE, status=403)
    advice = of_probe(report, situation)

    assert advice is not None
    assert problem in advice.problem


@pytest.mark.parametrize(
    ("missing", "problem", "remedy"),
    [
        (MissingTest(seconds=30), "within 30 s", "from the internet, at least from 35.90.102.128"),
        (MissingTest(seconds=30, probe=ACCEPTED), "within 30 s", "can be reached from here"),
        (
            MissingTest(seconds=30, probe=ACCEPTED, is_other_redis=True),
            "does not store them in the Redis",
            "--no-wait",
        ),
        (MissingTest(seconds=30, alerts=(alert("91308"),)), "(91308)", "Redis and the proxy"),
        # The router's own record comes first, then the Debugger.
        (
            MissingTest(seconds=30, refusal=refused("no_token"), alerts=(alert("91305"),)),
            "has no auth token",
            "restart",
        ),
        (
            MissingTest(seconds=30, alerts=(alert("91305"),), is_other_redis=True),
            "(91305)",
            "request rejected",
        ),
        (
            MissingTest(seconds=30, refusal=refused("wrong_address", client="192.0.2.1")),
            "from 192.0.2.1, which is not in ROUTER_TWILIO_ADDRESSES",
            "ROUTER_TRUSTED_PROXIES",
        ),
        (
            MissingTest(seconds=30, refusal=refused("too_large", "raise ROUTER_MAX_BODY")),
            "refused it (HTTP 403 too_large): the reason.",
            "Raise ROUTER_MAX_BODY.",
        ),
        (
            MissingTest(
                seconds=30,
                refusal=refused("wrong_signature", f"signed URL {OTHER}?bodySHA256=ab; sign it"),
            ),
            f"it checks the URL {OTHER}, and",
            f"ROUTER_TWILIO_URL={URL}",
        ),
        (
            MissingTest(
                seconds=30,
                probe=ACCEPTED,
                refusal=refused("wrong_signature", f"signed URL {URL}?bodySHA256=ab; sign it"),
            ),
            "Twilio signs with another token",
            "primary one",
        ),
    ],
)
def test_a_missing_test_event_is_explained_by_the_best_evidence(
    missing: MissingTest, problem: str, remedy: str
) -> None:
    advice = of_missing_test(missing, HERE)

    assert problem in advice.problem
    assert remedy in advice.remedy


def test_an_error_of_the_debugger_that_is_not_known_has_its_page() -> None:
    assert of_alert("12345").remedy == "See https://www.twilio.com/docs/api/errors/12345."
    assert "Twilio's console" in of_alert("").remedy


@pytest.mark.parametrize(
    ("status", "code", "problem"),
    [
        (0, 0, "did not answer POST /v1/Sinks: why."),
        (400, 20001, "Twilio refused POST /v1/Sinks: why (error 20001)."),
        (400, 0, "Twilio refused POST /v1/Sinks: why."),
        (401, 20003, "rejected the credentials (error 20003)."),
        (403, 70051, "does not allow POST /v1/Sinks"),
        (404, 20404, "has nothing at POST /v1/Sinks"),
        (429, 20429, "too many requests."),
        (500, 20500, "failed at POST /v1/Sinks: why."),
        (400, 91003, "as many sinks as Twilio allows"),
        (400, 91100, "the sink is not active"),
        (409, 91007, "a subscription uses it"),
    ],
)
def test_each_error_of_the_api_has_its_sentence(status: int, code: int, problem: str) -> None:
    advice = of_api_error(TwilioApiError("POST /v1/Sinks", "why", status=status, code=code))

    assert problem in advice.problem
    assert advice.remedy.endswith(".")


def test_alerts_of_a_sink_are_found_in_each_field_that_may_name_it() -> None:
    alerts = [
        alert("1", resource_sid="DG1", date_generated="2026-01-01"),
        alert("2", service_sid="DG1", date_generated="2026-01-03"),
        alert("3", alert_text="sink DG1 failed", date_generated="2026-01-02"),
        alert("4", request_url="https://events.twilio.com/v1/Sinks/DG1"),
        alert("5", resource_sid="DG2"),
        alert("6"),
    ]

    assert [each.error_code for each in alerts_of("DG1", alerts)] == ["2", "3", "1", "4"]
