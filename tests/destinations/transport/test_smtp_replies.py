import pytest

from router.alerts import Delivered, Failed, Refused
from router.destinations.transport.smtp_replies import (
    Recipient,
    ReplyError,
    from_reply,
    outcome,
)

ANN, BOB = "ann@example.com", "bob@example.com"


@pytest.mark.parametrize(
    ("refused", "expected"),
    [
        ([], Delivered(250)),
        (
            [Recipient(ANN, 450, "a"), Recipient(BOB, 550, "b")],
            Failed("1 of 2 recipients not taken for now", 450, f"{ANN}: 450 a; {BOB}: 550 b"),
        ),
        (
            [Recipient(ANN, 550, "a"), Recipient(BOB, 551, "b")],
            Refused("2 of 2 recipients refused", 550, f"{ANN}: 550 a; {BOB}: 551 b"),
        ),
        (
            [Recipient(BOB, 299, "?")],
            Failed("1 of 2 recipients not taken for now", 299, f"{BOB}: 299 ?", reached=(ANN,)),
        ),
    ],
)
def test_what_the_replies_mean(refused, expected):
    assert outcome([ANN, BOB], refused) == expected


@pytest.mark.parametrize(
    ("code", "text", "throttled"),
    [
        (421, "4.7.0 Too many connections from your IP", True),
        (421, "4.7.0 mx.example.com Error: too many connections from 192.0.2.1", True),
        (
            421,
            "4.7.28 Our system has detected an unusual rate. Your mail has been rate limited",
            True,
        ),
        (432, "4.3.2 STOREDRV.ClientSubmit; sender thread limit exceeded", True),
        (432, "4.3.2 Concurrent connections limit exceeded", True),
        (432, "", True),
        (450, "4.2.1 The user is receiving mail too quickly", True),
        (451, "4.7.0 Too many messages, slow down", True),
        (454, "Throttling failure: Maximum sending rate exceeded.", True),
        (421, "4.3.2 shutting down", False),
        (450, "4.2.1 greylisted, try again in 5 minutes", False),
        (451, "4.3.0 local error", False),
        (452, "4.2.2 mailbox full, quota exceeded", False),
        (452, "4.5.3 too many recipients", False),
        (451, "4.4.6 too many hops", False),
        (550, "5.7.1 too many connections", False),
    ],
)
def test_a_server_that_asks_for_fewer_mails_uses_up_no_attempts(code, text, throttled):
    """Case D15: a limit of mails in a time passes by itself, whatever the number of attempts."""
    found = from_reply(ReplyError("connection", code, text))
    assert getattr(found, "throttled", False) is throttled


@pytest.mark.parametrize(
    ("step", "code", "blames_destination"),
    [
        ("connection", 554, True),
        ("login", 535, True),
        ("sender", 550, True),
        ("sender", 552, False),
        ("message", 554, False),
        ("message", 552, False),
    ],
)
def test_whose_fault_a_refused_step_is(step: str, code: int, *, blames_destination: bool) -> None:
    """Case D25: a wrong password concerns every mail, a large one only itself."""
    refused = from_reply(ReplyError(step, code, "no"))
    assert isinstance(refused, Refused)
    assert refused.blames_destination is blames_destination
