import pytest

from router.alerts import RESPONSE_LIMIT, Failed
from router.destinations.transport.http_status import (
    HttpReply,
    outcome,
    retry_after_seconds,
)

NOW = 1_700_000_000.0  # Tue, 14 Nov 2023 22:13:20 GMT


@pytest.mark.fault_row(46)
@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("", None),
        ("7", 7.0),
        (" 120 ", 120.0),
        ("0", None),
        ("-5", None),
        ("0.0", None),
        ("-0", None),
        ("+7", 7.0),
        ("007", 7.0),
        ("315360000", 315_360_000.0),
        ("Tue, 14 Nov 2023 22:13:27 GMT", 7.0),
        ("Tuesday, 14-Nov-23 22:13:27 GMT", 7.0),
        ("Tue Nov 14 22:13:27 2023", 7.0),
        ("Tue, 14 Nov 2023 22:13:27 -0000", 7.0),
        ("Tue, 14 Nov 2023 23:13:27 +0100", 7.0),
        ("Tue, 14 Nov 2023 22:13:20 GMT", None),
        ("Mon, 13 Nov 2023 22:13:27 GMT", None),
        ("Thu, 01 Jan 1970 00:00:00 GMT", None),
        ("2023-11-14T22:13:27Z", 7.0),
        ("2023-11-14T23:13:27.5+01:00", 7.5),
        ("2023-11-13T22:13:27Z", None),
        ("tue, 14 nov 2023 22:13:27 gmt", 7.0),
        ("14 Nov 2023 22:13:27 GMT", 7.0),
        ("Tue, 14 Nov 2033 22:13:20 GMT", 315_619_200.0),
        ("soon", None),
        ("7 s", None),
        ("7.5", 7.5),
        ("1e9", None),
        ("\u0667", None),
        ("9" * 16, 9_999_999_999_999_999.0),
        ("9" * 5000, float("inf")),
        ("-" + "9" * 5000, None),
        ("7,5", None),
        ("Tue, 99 Nov 2023 22:13:27 GMT", None),
        ("Tue, 14 Nov 99999 22:13:27 GMT", None),
        ("Tue, 14 Nov 2023 22:13:27 +9999999", None),
        ("\x00", None),
    ],
)
def test_retry_after(header, seconds):
    """Case D1: zero and the past are no wish. Mutant: a date in the past is a negative wait."""
    assert retry_after_seconds(header, now=NOW) == seconds


def test_no_more_than_the_first_kilobyte_is_kept():
    answer = HttpReply(503, "7", "x" * 5000)
    assert outcome(answer, now=NOW) == Failed(
        "HTTP 503 Service Unavailable", 503, "x" * RESPONSE_LIMIT, 7.0
    )


@pytest.mark.parametrize(
    ("status", "reason"),
    [(404, "HTTP 404 Not Found"), (599, "HTTP 599"), (799, "HTTP 799"), (100, "HTTP 100 Continue")],
)
def test_reasons_are_the_status_and_its_name(status, reason):
    assert outcome(HttpReply(status, "", ""), now=NOW).reason == reason


@pytest.mark.parametrize("status", [400, 409, 413, 414, 415, 422, 431])
def test_some_refusals_are_of_the_delivery(status):
    """Case D25."""
    assert not outcome(HttpReply(status, "", ""), now=NOW).blames_destination


@pytest.mark.parametrize("status", [301, 307, 401, 402, 403, 404, 405, 407, 418, 426, 451, 498])
def test_all_other_refusals_are_of_the_destination(status):
    """Case D25: what is not known counts as that, because waiting loses nothing."""
    assert outcome(HttpReply(status, "", ""), now=NOW).blames_destination


def test_a_receiver_that_is_gone_is_disabled_at_once():
    gone = outcome(HttpReply(410, "", ""), now=NOW)
    assert (gone.disables, gone.blames_destination) == (True, False)
