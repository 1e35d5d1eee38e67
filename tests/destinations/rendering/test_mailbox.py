import pytest

from router.destinations.rendering.mailbox import Mailbox, parse_mailbox, parse_mailboxes


@pytest.mark.parametrize(
    ("text", "name", "wire"),
    [
        ("noc@example.com", "", "noc@example.com"),
        ("  noc@example.com ", "", "noc@example.com"),
        ("<noc@example.com>", "", "noc@example.com"),
        ("NOC <noc@example.com>", "NOC", "noc@example.com"),
        ('"NOC, Berlin" <noc@example.com>', "NOC, Berlin", "noc@example.com"),
        ('"The \\"NOC\\"" <noc@example.com>', 'The "NOC"', "noc@example.com"),
        ("Acme Inc. <noc@example.com>", "Acme Inc.", "noc@example.com"),
        ("Jörg 🙂 <noc@example.com>", "Jörg 🙂", "noc@example.com"),
        ("noc+voice@example.com", "", "noc+voice@example.com"),
        ("a.b!c@example.com", "", "a.b!c@example.com"),
        ("o'neil@example.com", "", "o'neil@example.com"),
        ('"a b"@example.com', "", '"a b"@example.com'),
        ("root@localhost", "", "root@localhost"),
        ("noc@[192.0.2.1]", "", "noc@[192.0.2.1]"),
        ("noc@bücher.example", "", "noc@xn--bcher-kva.example"),
        ("noc@例え.jp", "", "noc@xn--r8jz45g.jp"),
        ("noc@xn--bcher-kva.example", "", "noc@xn--bcher-kva.example"),
        ("jörg@example.com", "", "jörg@example.com"),
    ],
)
def test_addresses(text, name, wire):
    """Case D27: an address as people write it."""
    mailbox = parse_mailbox(text, "to")
    assert (mailbox.name, mailbox.wire) == (name, wire)
    assert mailbox.needs_utf8 is (not wire.isascii())


@pytest.mark.parametrize(
    "text",
    [
        *("", "noc", "@example.com", "noc@", "noc@.example.com", "noc@example..com", "a b@x.com"),
        *(
            "noc@example.com.",
            "noc@exam_ple.com",
            "noc@-x.com",
            "noc@x-.com",
            f"noc@{'x' * 64}.com",
        ),
        *(".noc@example.com", "noc.@example.com", "a..b@example.com", "a(b)@example.com"),
        *("noc@example.com, eve@example.com", "noc@example.com\nBcc: eve@example.com"),
        *("NOC noc@example.com", "NOC <noc@example.com", "NOC <noc@example.com>>", "NOC <>"),
        *("NOC\r\nBcc: x <noc@example.com>", "N\x00 <noc@example.com>", "\u202e <noc@example.com>"),
        *("n\ud800c@example.com", "n\u202ec@example.com", "noc@\ud800.com", "noc@bücher..com"),
        *("noc@bü cher.com", "noc@bücher.com:25", "noc@[300]", "noc@[x]", "a@b@example.com"),
        f"{'x' * 65}@example.com",
        f"{'ü' * 33}@example.com",
        f"noc@{'x' * 60}.{'x' * 60}.{'x' * 60}.{'x' * 60}.{'x' * 60}.com",
    ],
)
def test_texts_that_are_no_address(text):
    """Case D27: the hint says what would be right."""
    with pytest.raises(ValueError, match=r"^to: .* is not an address, write for example noc@"):
        parse_mailbox(text, "to")


@pytest.mark.parametrize(
    ("given", "addresses"),
    [
        ("a@x.com", ["a@x.com"]),
        ("a@x.com, b@x.com", ["a@x.com", "b@x.com"]),
        ("a@x.com,, b@x.com,", ["a@x.com", "b@x.com"]),
        ('"B, C" <b@x.com>, A <a@x.com>', ["b@x.com", "a@x.com"]),
        (("a@x.com", '"B, C" <b@x.com>'), ["a@x.com", "b@x.com"]),
        ("", []),
        ((), []),
    ],
)
def test_several_addresses(given, addresses):
    """Case D27: a list, or one text with commas."""
    assert [each.address for each in parse_mailboxes(given, "to")] == addresses


def test_an_address_is_recorded_as_it_is_written():
    assert parse_mailbox("NOC <noc@bücher.example>", "to") == Mailbox(
        "NOC", "noc", "bücher.example", "xn--bcher-kva.example"
    )
    assert parse_mailbox("noc@bücher.example", "to").address == "noc@bücher.example"
