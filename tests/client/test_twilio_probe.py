"""The meaning of what answers at a sink's URL."""

import pytest

from router.alerts import Failed, Refused
from router.client.twilio_probe import ProbeFinding, read_reply
from router.destinations.transport.http_status import HttpReply

F = ProbeFinding


def rejected(code: str) -> bytes:
    return b'{"error":{"code":"%s","message":"why","path":""}}' % code.encode()


@pytest.mark.parametrize(
    ("status", "body", "finding", "is_refused"),
    [
        (202, b'{"accepted":0,"quarantined":0}', F.ACCEPTED, False),
        (200, b'{"accepted":0,"quarantined":0}', F.ACCEPTED, False),
        (200, b"", F.OTHER_SERVER, False),
        (200, b'{"ok":true}', F.OTHER_SERVER, False),
        (301, b"", F.REDIRECT, False),
        (308, rejected("x"), F.REDIRECT, False),
        (401, b"<html>", F.OTHER_SERVER, False),
        (403, b"", F.OTHER_SERVER, False),
        (404, b"nothing here", F.OTHER_SERVER, False),
        (404, rejected("not_found"), F.OTHER_PATH, False),
        (502, b"", F.GATEWAY, False),
        (503, b"<html>", F.GATEWAY, False),
        (504, b"", F.GATEWAY, False),
        (500, b"", F.OTHER_SERVER, False),
        (403, rejected("no_token"), F.NO_TOKEN, True),
        (403, rejected("wrong_signature"), F.WRONG_SIGNATURE, True),
        (401, rejected("no_credentials"), F.NO_CREDENTIALS, True),
        (401, rejected("wrong_credentials"), F.WRONG_CREDENTIALS, True),
        (403, rejected("wrong_address"), F.REACHED, True),
        (429, rejected("too_many"), F.REACHED, True),
        (503, rejected("overloaded"), F.UNAVAILABLE, True),
        (503, rejected("journal_unavailable"), F.UNAVAILABLE, True),
        (400, rejected("of a later version"), F.REACHED, True),
    ],
)
def test_a_reply_is_that_of_a_router_or_of_another_server(
    status: int, body: bytes, finding: ProbeFinding, *, is_refused: bool
) -> None:
    report = read_reply(HttpReply(status, "", "", body), is_signed=True)

    assert (report.finding, report.is_refused, report.status) == (finding, is_refused, status)


def test_without_the_token_a_rejected_signature_shows_a_router_that_has_one() -> None:
    reply = HttpReply(403, "", "", rejected("wrong_signature"))

    assert read_reply(reply, is_signed=False).finding is F.REACHED


@pytest.mark.parametrize(
    ("reason", "finding"),
    [
        ("name not found", F.NO_NAME),
        ("name lookup failed", F.NO_NAME),
        ("name lookup timed out", F.NO_NAME),
        ("TLS certificate expired", F.BAD_CERTIFICATE),
        ("TLS handshake failed", F.BAD_CERTIFICATE),
        ("connection refused", F.NO_CONNECTION),
        ("timed out", F.NO_CONNECTION),
        ("malformed answer", F.NO_CONNECTION),
    ],
)
def test_an_error_of_the_network_is_told_apart(reason: str, finding: ProbeFinding) -> None:
    report = read_reply(Failed(reason), is_signed=True)

    assert (report.finding, report.reason, report.status) == (finding, reason, 0)
    assert read_reply(Refused(reason), is_signed=True).finding is finding
