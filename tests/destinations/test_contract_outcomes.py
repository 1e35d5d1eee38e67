"""From a receiver's reply on the wire to the next step of the delivery, for each kind."""

import pytest
from contracts.destination import attempt
from support.mail import SmtpSink
from support.sinks import HttpSink, Reply, TcpSink, hang_up, says, silence

from router.alerts import Delivery, Outcome
from router.datatypes import Duration, Secret
from router.destinations.contract import Destination, Environment, RetryPolicy
from router.destinations.email_config import EmailConfig
from router.destinations.http_config import HttpConfig
from router.destinations.kinds import build
from router.destinations.slack_config import SlackConfig
from router.worker.delivery.retry import Disable, Finished, GiveUp, Retry, next_step

DONE, RETRY, PERMANENT, DISABLE = "done", "retry", "permanent", "disable"
_WORDS = {Finished: DONE, Retry: RETRY, GiveUp: PERMANENT, Disable: DISABLE}

HTTP = {
    **dict.fromkeys((200, 201, 202, 203, 204, 206, 226), DONE),
    **dict.fromkeys((300, 301, 302, 303, 304, 305, 307, 308), PERMANENT),
    **dict.fromkeys((400, 401, 402, 403, 404, 405, 406, 407, 409, 411, 412, 413, 414), PERMANENT),
    **dict.fromkeys((415, 416, 417, 418, 422, 424, 426, 428, 431, 451), PERMANENT),
    410: DISABLE,
    **dict.fromkeys((408, 421, 423, 425, 429, 499), RETRY),
    **dict.fromkeys((500, 501, 502, 503, 504, 505, 506, 507, 508, 510, 511, 520, 524, 599), RETRY),
}
SLACK = {
    (200, "ok"): DONE,
    (400, "invalid_payload"): PERMANENT,
    (400, "invalid_blocks"): PERMANENT,
    (400, "no_text"): PERMANENT,
    (400, "too_many_attachments"): PERMANENT,
    (400, "user_not_found"): PERMANENT,
    (403, "action_prohibited"): PERMANENT,
    (403, "invalid_token"): PERMANENT,
    (403, "posting_to_general_channel_denied"): PERMANENT,
    (403, "team_disabled"): PERMANENT,
    (404, "channel_not_found"): PERMANENT,
    (404, "no_active_hooks"): PERMANENT,
    (404, "no_service"): PERMANENT,
    (404, "no_service_id"): PERMANENT,
    (404, "no_team"): PERMANENT,
    (410, "channel_is_archived"): PERMANENT,
    (410, "gone"): DISABLE,
    (429, "rate_limited"): RETRY,
    (500, "rollup_error"): RETRY,
    (500, "internal_error"): RETRY,
    (503, "<html>"): RETRY,
}
SMTP = {
    "": DONE,
    "421 closing": RETRY,
    "450 greylisted": RETRY,
    "451 local error": RETRY,
    "452 mailbox full": RETRY,
    "550 no such user": PERMANENT,
    "551 not local": PERMANENT,
    "552 too large": PERMANENT,
    "553 name not allowed": PERMANENT,
    "554 refused": PERMANENT,
}


def what_follows(outcome: Outcome) -> str:
    return _WORDS[type(next_step(outcome, attempt=1, policy=RetryPolicy(), jitter=0.5))]


def http(port: int, environment: Environment) -> Destination:
    config = HttpConfig(url=Secret(f"http://127.0.0.1:{port}/"), timeout=Duration(0.3))
    return build("tickets", config, environment)


@pytest.mark.fault_row(47, 48, 49)
@pytest.mark.parametrize("status", HTTP)
async def test_http(status: int, environment: Environment, delivery: Delivery) -> None:
    """Mutants: 503 is final; 404 is retried; 410 disables nothing."""
    async with HttpSink(Reply(status, b"")) as sink:
        outcome = await attempt(http(sink.port, environment), delivery)
    assert what_follows(outcome) == HTTP[status]


@pytest.mark.fault_row(50)
@pytest.mark.parametrize(
    "conversation",
    [
        silence,
        hang_up,
        says(b"HTTP/1.1 200 OK\r\nContent-Len"),
        says(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"),
        says(b"not HTTP at all\r\n\r\n"),
    ],
    ids=["silent", "reset", "half a header", "half a body", "no HTTP"],
)
async def test_http_network_trouble(
    conversation: object, environment: Environment, delivery: Delivery
) -> None:
    """Mutant: a word of a network error is missing."""
    async with TcpSink(conversation) as sink:  # type: ignore[arg-type]
        outcome = await attempt(http(sink.port, environment), delivery)
    assert what_follows(outcome) == RETRY


@pytest.mark.parametrize(("status", "word"), SLACK)
async def test_slack(status: int, word: str, environment: Environment, delivery: Delivery) -> None:
    async with HttpSink(Reply(status, word.encode())) as sink:
        config = SlackConfig(webhook_url=Secret(f"http://127.0.0.1:{sink.port}/services/T/B/X"))
        outcome = await attempt(build("slack", config, environment), delivery)
    assert what_follows(outcome) == SLACK[status, word]


@pytest.mark.parametrize("step", ["sender", "recipient", "data"])
@pytest.mark.parametrize("reply", SMTP)
async def test_smtp(reply: str, step: str, environment: Environment, delivery: Delivery) -> None:
    async with SmtpSink() as sink:
        if step == "sender":
            sink.mail_reply = reply
        elif step == "recipient":
            sink.recipient_replies["ann@example.com"] = reply
        else:
            sink.data_reply = reply
        config = EmailConfig(
            to=("ann@example.com",), from_="router@example.com", smtp_url=Secret(sink.url())
        )
        outcome = await attempt(build("mail", config, environment), delivery)
    assert what_follows(outcome) == SMTP[reply]


@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA"])
async def test_smtp_connection_that_ends(
    step: str, environment: Environment, delivery: Delivery
) -> None:
    async with SmtpSink() as sink:
        sink.hangs_up_at = {step}
        config = EmailConfig(
            to=("ann@example.com",), from_="router@example.com", smtp_url=Secret(sink.url())
        )
        outcome = await attempt(build("mail", config, environment), delivery)
    assert what_follows(outcome) == RETRY


@pytest.mark.fault_row(46)
@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        ("0", None),
        ("-5", None),
        ("Tue, 14 Nov 2023 22:13:27 GMT", 7.0),
        ("Tuesday, 14-Nov-23 22:13:27 GMT", 7.0),
        ("Tue Nov 14 22:13:27 2023", 7.0),
        ("Mon, 13 Nov 2023 22:13:27 GMT", None),
        ("315360000", 3600.0),
        ("9" * 400, 3600.0),
        ("Tue, 14 Nov 2033 22:13:20 GMT", 3600.0),
        ("soon", None),
        ("", None),
    ],
)
async def test_retry_after_is_obeyed_and_capped_at_an_hour(
    header: str, seconds: float | None, environment: Environment, delivery: Delivery
) -> None:
    """Case D1. Mutant: a Retry-After has no cap."""
    headers = {"Retry-After": header} if header else {}
    async with HttpSink(Reply(429, b"", headers)) as sink:
        outcome = await attempt(http(sink.port, environment), delivery)
    following = next_step(outcome, attempt=1, policy=RetryPolicy(), jitter=0.25)
    backoff = 0.625  # half of the first wait, a second, and a quarter of the other half
    expected = backoff if seconds is None else seconds + 0.25
    assert following == Retry(expected, counts=False)
