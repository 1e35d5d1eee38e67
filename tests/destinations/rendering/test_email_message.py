"""Case D3: whatever a text contains, a mail has the structure that was meant and no other."""

import base64
import email
import email.policy
import re
from email.header import decode_header, make_header
from urllib.parse import unquote

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from router.destinations.rendering.email_headers import (
    fixed_header,
    mailboxes_header,
    text_header,
)
from router.destinations.rendering.email_message import (
    MalformedMailError,
    check,
    compose,
    message_id,
)
from router.destinations.rendering.mailbox import Mailbox, parse_mailbox
from router.destinations.rendering.text import one_line

ATTACK = "=?utf-8?q?All_clear=0D=0AReply-To:_x@evil.example=0D=0A=0D=0A<h1>Call_now</h1>?="
NAMES = ["From", "Subject", "X-Team", "Message-ID", "MIME-Version", "Content-Type"]
BOUNDARY = "=_msg_1"


def mail_of(subject: str, name: str = "", text: str = "text\n", html: str = "<p>html</p>\n"):
    headers = [
        mailboxes_header("From", [Mailbox(name, "r", "example.com", "example.com")], utf8=False),
        text_header("Subject", subject),
        text_header("X-Team", subject),
        fixed_header("Message-ID", message_id("msg_1", "example.com")),
    ]
    return compose(headers, BOUNDARY, text=text, html=html)


def header_values(content: bytes) -> list[tuple[str, str]]:
    """Read the headers from the bytes alone, by RFC 5322 and RFC 2047."""
    head, separator, _ = content.partition(b"\r\n\r\n")
    assert separator
    unfolded = re.sub(rb"\r\n(?=[ \t])", b"", head)
    assert b"\r" not in unfolded.replace(b"\r\n", b"")
    found = []
    for line in unfolded.split(b"\r\n"):
        name, colon, value = line.partition(b": ")
        assert colon
        words = re.sub(rb"(\?=) +(?==\?utf-8\?)", rb"\1", value).decode("ascii")
        found.append((name.decode("ascii"), re.sub(r"=\?utf-8\?([qb])\?([^? ]*)\?=", _word, words)))
    return found


def _word(match: re.Match[str]) -> str:
    if match[1] == "b":
        return base64.b64decode(match[2], validate=True).decode()
    return unquote(match[2].replace("_", " ").replace("=", "%"))


def parts(content: bytes) -> list[tuple[bytes, bytes]]:
    """Return head and content of each part, read from the bytes alone."""
    _, _, body = content.partition(b"\r\n\r\n")
    pieces = (b"\r\n" + body).split(b"\r\n--" + BOUNDARY.encode())
    assert pieces[0] == b""
    assert pieces[-1] == b"--\r\n"
    return [tuple(piece.split(b"\r\n\r\n", 1)) for piece in pieces[1:-1]]


def assert_as_meant(content: bytes, subject: str, name: str, text: str, html: str) -> None:
    values = header_values(content)
    assert [found for found, _ in values] == NAMES
    assert dict(values)["Subject"] == dict(values)["X-Team"] == subject
    assert len(parts(content)) == 2
    assert max(map(len, content.split(b"\r\n"))) <= 998
    for policy in (email.policy.default, email.policy.compat32):
        parsed = email.message_from_bytes(content, policy=policy)
        assert parsed.keys() == NAMES
        assert [each.get_content_type() for each in parsed.walk()] == [
            *("multipart/alternative", "text/plain", "text/html")
        ]
        assert [each.defects for each in parsed.walk()] == [[], [], []]
        shown = [each.get_payload(decode=True).decode() for each in parsed.get_payload()]
        assert shown == [readable(text), readable(html)]
    old = email.message_from_bytes(content, policy=email.policy.compat32)
    unfolded = re.sub(r"\r\n(?=[ \t])", "", old["Subject"])
    assert str(make_header(decode_header(unfolded))) == subject
    assert decoded_name(content) == name


def decoded_name(content: bytes) -> str:
    value = dict(header_values(content))["From"]
    if value == "r@example.com":
        return ""
    value = value.removesuffix(" <r@example.com>")
    quoted = re.fullmatch(r'"(.*)"', value)
    is_encoded = b"From: =?" in content
    return re.sub(r"\\(.)", r"\1", quoted[1]) if quoted and not is_encoded else value


def readable(text: str) -> str:
    """Return what a reader has to see of a part: its text with the line ends of mails."""
    lines = re.sub(r"\r\n|\r|\n", "\n", text).rstrip("\n") + "\n"
    safe = re.sub("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]", " ", lines)
    return safe.replace("\n", "\r\n")


PIECES = st.sampled_from(
    [
        *("=?", "?=", "=?utf-8?q?", "=?utf-8?b?", "=?us-ascii*en?Q?", "=0D=0A", "=0a", "DQo=", "_"),
        *(
            "\r\n",
            "\n",
            "\r",
            "\r\n\r\n",
            "\x0b",
            "\x0c",
            "\x1c",
            "\x85",
            "\u2028",
            "\u2029",
            "\x00",
        ),
        *("Bcc: ", "Reply-To: x@evil.example", "Content-Type: text/html", ": ", "--=_msg_1", "--"),
        *(
            "\u202e",
            "\u2066",
            "\ufeff",
            "\ud800",
            "\udcff",
            "🙂",
            "é",
            "e\u0301",
            " ",
            "  ",
            "\t",
            ".",
        ),
        *("From ", ATTACK, "x" * 100, "<h1>", '"', "\\", "<", ">", "(", ")", ",", ";", "@", ":"),
    ]
)
TEXTS = st.lists(PIECES | st.text(max_size=20), max_size=12).map("".join)
# Display names are the operator's: printable, so without line ends.
NAMES_OF_PEOPLE = TEXTS.map(lambda text: "".join(filter(str.isprintable, text)).strip())


@settings(max_examples=150)
@example(ATTACK, "", "", "")
@example("=?utf-8?q?a=0Ab?= =?utf-8?q?c?=", "=?utf-8?q?x?=", "\r\n--=_msg_1--\r\n", "\r\n.\r\n")
@given(TEXTS, NAMES_OF_PEOPLE, TEXTS, TEXTS)
def test_no_text_becomes_structure(subject, name, text, html):
    """Case D3: judged by an own reading of the bytes, and by Python's parser."""
    line = one_line(f"[WARNING] {subject}", 200)
    content = mail_of(line, name, text, html)
    assert_as_meant(content, line, name, text, html)


@pytest.mark.slow
@pytest.mark.timeout(600)
@settings(max_examples=20_000)
@given(TEXTS, NAMES_OF_PEOPLE, TEXTS, TEXTS)
def test_no_text_becomes_structure_in_twenty_thousand_mails(subject, name, text, html):
    line = one_line(f"[WARNING] {subject}", 200)
    content = mail_of(line, name, text, html)
    assert_as_meant(content, line, name, text, html)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("plain words", b"Subject: plain words\r\n"),
        ("two  spaces", b"Subject: =?utf-8?q?two__spaces?=\r\n"),
        ("Köln am Rhein", b"Subject: =?utf-8?q?K=C3=B6ln_am_Rhein?=\r\n"),
        ("日本", b"Subject: =?utf-8?b?5pel5pys?=\r\n"),
        ("see =?this", b"Subject: =?utf-8?q?see_=3D=3Fthis?=\r\n"),
        ("a =?utf-8?q?b?=", b"Subject: =?utf-8?b?YSA9P3V0Zi04P3E/Yj89?=\r\n"),
        ("a_b=c?d", b"Subject: a_b=c?d\r\n"),
        (
            f"{'word ' * 20}end",
            b"Subject: " + b"word " * 12 + b"word\r\n" + b" word" * 7 + b" end\r\n",
        ),
    ],
)
def test_a_subject_is_written_like_this(text, line):
    assert text_header("Subject", text).line().encode() == line


GOOD = mail_of("hello")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"Subject: hello\r\n", b"Subject: hello\r\nBcc: eve@example.com\r\n"),
        (b"Subject: hello\r\n", b""),
        (b"Subject: hello\r\n", b"Subject: hello\r\n\r\n<h1>Call now</h1>\r\n"),
        (b"Subject: hello\r\n", b"Subject: hello\nBcc: eve@example.com\r\n"),
        (b"Subject: hello\r\n", b"Subject: hello\rBcc: eve@example.com\r\n"),
        (b"Subject: hello\r\n", b"Subject: h\xc3\xa9llo\r\n"),
        (b"Subject: hello\r\n", b"Subject: he\x00llo\r\n"),
        (b"Subject: hello\r\n", b"Subject: he\x0bllo\r\n"),
        (b"Subject: hello\r\n", b"Subject: " + b"x" * 1000 + b"\r\n"),
        (b"Subject: hello\r\n", b"Subject: \r\n"),
        (b"Subject: hello\r\n", b"Subject: hello\r\n \r\n"),
        (b"Subject: hello\r\n", b"Subject: hello\r\n\tBcc: x\r\n"),
        (b"Subject: hello\r\n", b"subject: hello\r\n"),
        (b"Subject: hello\r\nX-Team", b"X-Team: hello\r\nSubject"),
        (b"multipart/alternative", b"multipart/mixed"),
        (b'boundary="=_msg_1"', b'boundary="x"'),
        (b'boundary="=_msg_1"', b'boundary="=_msg_1"; boundary="x"'),
        (b"text/plain", b"text/html"),
        (b"text/html", b"application/octet-stream"),
        (b"quoted-printable", b"8bit"),
        (b"text\r\n", b"text\r\n--=_msg_1\r\nContent-Type: text/html\r\n\r\n<h1>\r\n"),
        (b"text\r\n", b"text\r\n--=_msg_1--\r\n"),
        (b"text\r\n", b"text\xff\r\n"),
        (b"text\r\n", b"text\n.\n"),
        (b"--=_msg_1--\r\n", b""),
        (b"--=_msg_1--\r\n", b"--=_msg_1--\r\nafter the end\r\n"),
    ],
)
def test_a_mail_that_differs_from_what_is_expected_is_noticed(old, new):
    """Case D3: the check knows nothing of how a mail is written."""
    check(GOOD, NAMES, BOUNDARY)
    assert GOOD.count(old) >= 1
    with pytest.raises(MalformedMailError) as raised:
        check(GOOD.replace(old, new, 1), NAMES, BOUNDARY)
    assert "eve" not in str(raised.value)


@pytest.mark.parametrize("name", ["", "a b", "a\r\nb", "a>b", "a@b", "ü", "x" * 121, "a\ud800"])
def test_an_id_that_would_break_its_header_is_refused(name):
    """Case D3: ids come from Redis, where a record may be damaged."""
    with pytest.raises(MalformedMailError):
        message_id(name, "example.com")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("NOC <noc@example.com>", "NOC <noc@example.com>"),
        ('"NOC, Berlin" <noc@example.com>', '"NOC, Berlin" <noc@example.com>'),
        ('A "B" C <noc@example.com>', '"A \\"B\\" C" <noc@example.com>'),
        ("NOC Köln <noc@example.com>", "=?utf-8?b?Tk9DIEvDtmxu?= <noc@example.com>"),
        (
            "=?utf-8?q?x?= <noc@example.com>",
            "=?utf-8?b?PT91dGYtOD9xP3g/PQ==?= <noc@example.com>",
        ),
        ("jörg@example.com", "=?utf-8?b?asO2cmdAZXhhbXBsZS5jb20=?= :;"),
    ],
)
def test_an_address_is_written_like_this(text, line):
    """Case D27: names in each form."""
    header = mailboxes_header("To", [parse_mailbox(text, "to")], utf8=False)
    assert header.line() == f"To: {line}\r\n"
