import pytest
from support.encodings import ENCODINGS, shown_pieces

from router.datatypes import Secret
from router.destinations.transport.redaction import Redactor

AWKWARD = "s3cr3t-canary/+=&<\"'é\\ 0123456789"
CANARY = "s3cr3t-canary-0123456789abcdef"


@pytest.mark.fault_row(72)
@pytest.mark.parametrize(
    ("secret", "text", "expected"),
    [
        ("t0ken", "bad t0ken!", "bad ***!"),
        ("Bearer t0ken-value", "got Bearer t0ken-value", "got ***"),
        ("Bearer t0ken-value", "got t0ken-value", "got ***"),
        ("Basic YW5uOm9wZW4gc2VzYW1l", "ann:open sesame, open sesame", "***, ***"),
        ("https://x/hooks/voice", "POST https://x/hooks/voice", "POST ***"),
        ("https://x/hooks/voice", "no /hooks/voice here", "no /hooks/voice here"),
        ("https://x/services/T0/B0/abcdefghijkl", "/services/T0/B0/abcdefghijkl", "***"),
        ("https://x/s/T0/abcdefghijklmnopqrst", "id abcdefghijklmnopqrst", "id ***"),
        ("https://x/?key=t0ken", "?key=t0ken", "?***"),
        ("https://x/?key=t0%2Fken", "?key=t0/ken", "?***"),
        ("abc", "abcdef", "abcdef"),
        ("", "nothing", "nothing"),
        ("t0ken", "100% &copy; a+b \\o/ =)", "100% &copy; a+b \\o/ =)"),
        ("abcdefghijklmnopqrst", "abcdefghijkl… is wrong", "***… is wrong"),
        ("abcdefghijklmnopqrst", "abcdefgh is a beginning", "abcdefgh is a beginning"),
    ],
)
def test_secrets_and_their_telling_parts_are_struck_out(secret, text, expected):
    assert Redactor([Secret(secret)])(text) == expected


def test_a_secret_within_another_leaves_nothing_standing():
    redact = Redactor([Secret("12345678"), Secret("12345678-and-more")])
    assert redact("12345678-and-more 12345678") == "*** ***"


@pytest.mark.fault_row(72)
@pytest.mark.parametrize("secret", [AWKWARD, CANARY, f"Bearer {CANARY}", f"https://x/{CANARY}?k=1"])
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_secret_is_struck_out_in_each_encoding(secret, encoding):
    """Mutant: only the text as it is is compared; most encodings pass."""
    encoded = ENCODINGS[encoding](secret)

    shown = Redactor([Secret(secret)])(f'<p>100% of {{"x": "a+b"}} {encoded} end &amp; more')

    assert shown.startswith('<p>100% of {"x": "a+b"} ')
    assert shown.endswith(" end &amp; more")
    assert "***" in shown
    assert not shown_pieces(encoding, secret, shown)


@pytest.mark.fault_row(72)
@pytest.mark.parametrize("encoding", sorted(ENCODINGS.keys() - {"base64 in lines"}))
def test_a_secret_is_struck_out_wherever_its_text_is_cut(encoding):
    """Mutants: ``is_cut`` is ignored; what a cut leaves of an encoded character stays."""
    redact = Redactor([Secret(CANARY)])
    encoded = ENCODINGS[encoding](CANARY)

    for end in range(1, len(encoded) + 1):
        shown = redact(f"echo: {encoded[:end]}", is_cut=True)
        assert not shown_pieces(encoding, CANARY, shown, characters=6), end


@pytest.mark.parametrize("text", ["\\" * 65_536, "%25" * 20_000, "&amp;" * 10_000, "=" * 65_536])
def test_a_reply_costs_little_whatever_it_is(text):
    """Mutant: runs of backslashes without a bound took 2.6 s."""
    assert len(Redactor([Secret(CANARY)])(text, is_cut=True)) > 1
