import pytest

from router.datatypes import Secret
from router.destinations.transport.redaction import Redactor


@pytest.mark.parametrize(
    ("secret", "text", "expected"),
    [
        ("t0ken", "bad t0ken!", "bad ***!"),
        ("Bearer t0ken-value", "got Bearer t0ken-value", "got ***"),
        ("Bearer t0ken-value", "got t0ken-value", "got ***"),
        ("https://x/hooks/voice", "POST https://x/hooks/voice", "POST ***"),
        ("https://x/hooks/voice", "no /hooks/voice here", "no /hooks/voice here"),
        ("https://x/services/T0/B0/abcdefghijkl", "/services/T0/B0/abcdefghijkl", "***"),
        ("https://x/s/T0/abcdefghijklmnopqrst", "id abcdefghijklmnopqrst", "id ***"),
        ("https://x/?key=t0ken", "?key=t0ken", "?***"),
        ("abc", "abcdef", "abcdef"),
        ("", "nothing", "nothing"),
    ],
)
def test_secrets_and_their_telling_parts_are_struck_out(secret, text, expected):
    assert Redactor([Secret(secret)])(text) == expected


def test_a_secret_within_another_leaves_nothing_standing():
    redact = Redactor([Secret("12345678"), Secret("12345678-and-more")])
    assert redact("12345678-and-more 12345678") == "*** ***"
