import pytest

from router.alerts import Delivered, Failed, Refused
from router.destinations.transport.smtp_replies import Recipient, outcome

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
