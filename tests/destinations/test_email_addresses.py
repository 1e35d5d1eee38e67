"""Case D27: the addresses, the subject and the headers that a mail is given by its configuration."""

import email
import email.policy
from email.headerregistry import AddressHeader

import msgspec
import pytest
import trustme
from contracts.destination import attempt
from support.mail_field import FieldSmtpSink

from router.alerts import Attempt, Delivered, Failed, Refused
from router.datatypes import Secret, decode_value
from router.destinations.email import EmailDestination
from router.destinations.email_config import EmailConfig
from router.destinations.kinds import KINDS
from router.destinations.transport.tls import TlsConfig

ANN, BOB, EVE, JOERG = "ann@example.com", "bob@example.com", "eve@example.com", "jörg@example.com"


async def sent(delivery, environment, *, utf8: bool = False, outcome=None, **settings):
    """Send a mail as configured; return what the server got, and the mail as a client reads it."""
    async with FieldSmtpSink() as sink:
        sink.utf8 = utf8
        given = {"from_": "router@example.com", "smtp_url": Secret(sink.url())} | settings
        target = EmailDestination("x", EmailConfig(**given), environment)
        assert await attempt(target, delivery) == (outcome or Delivered(250))
        if not sink.mails:
            return None, None
        (mail,) = sink.mails
    # From a text, because Python reads no UTF-8 in headers that it is given as bytes.
    text = mail.content.decode("utf-8" if utf8 else "ascii")
    return mail, email.message_from_string(text, policy=email.policy.default)


def addresses(header: AddressHeader) -> list[tuple[str, str]]:
    return [(each.display_name, each.addr_spec) for each in header.addresses]


async def test_addresses_with_names(environment, delivery):
    """Case D27: `to: "NOC <noc@example.com>"`."""
    mail, message = await sent(
        delivery,
        environment,
        to="NOC <noc@example.com>",
        from_='"Router, Voice" <router@example.com>',
        reply_to=("Voice team <voice@example.com>", ANN),
    )
    assert mail.recipients == ("noc@example.com",)
    assert mail.sender == "router@example.com"
    assert addresses(message["To"]) == [("NOC", "noc@example.com")]
    assert addresses(message["From"]) == [("Router, Voice", "router@example.com")]
    assert addresses(message["Reply-To"]) == [("Voice team", "voice@example.com"), ("", ANN)]


async def test_copies(environment, delivery):
    """Case D27: the recipients of a blind copy are in the envelope alone, and each once."""
    mail, message = await sent(
        delivery,
        environment,
        to=(ANN,),
        cc=f"Bob <{BOB}>",
        bcc=(EVE, f"Ann again <{ANN}>"),
    )
    assert mail.recipients == (ANN, BOB, EVE)
    assert addresses(message["Cc"]) == [("Bob", BOB)]
    assert message["Bcc"] is None
    assert b"eve@" not in mail.content
    assert b"Ann again" not in mail.content


async def test_a_hundred_recipients_make_a_header_of_short_lines(environment, delivery):
    """Case D27: no line is too long, no recipient is lost."""
    every = tuple(f"Recipient no. {number} <r{number}@example.com>" for number in range(100))
    mail, message = await sent(delivery, environment, to=every)
    assert len(mail.recipients) == 100
    assert len(addresses(message["To"])) == 100
    assert max(map(len, mail.content.split(b"\r\n"))) <= 78


async def test_a_domain_with_other_letters_is_sent_in_ascii(environment, delivery):
    """Case D27: IDN."""
    mail, message = await sent(
        delivery, environment, to=("noc@bücher.example",), from_="router@bücher.example"
    )
    assert mail.recipients == ("noc@xn--bcher-kva.example",)
    assert mail.sender == "router@xn--bcher-kva.example"
    assert message["Message-ID"] == f"<{delivery.id}@xn--bcher-kva.example>"
    assert mail.content.isascii()


async def test_an_address_with_other_letters_needs_smtputf8(environment, delivery):
    """Case D27: SMTPUTF8 is used where it is needed and offered."""
    mail, message = await sent(delivery, environment, utf8=True, to=(ANN, f"Jörg <{JOERG}>"))
    assert mail.recipients == (ANN, JOERG)
    assert addresses(message["To"]) == [("", ANN), ("Jörg", JOERG)]


async def test_smtputf8_is_not_used_where_it_is_not_needed(environment, delivery):
    """Case D27: some servers that offer it cannot pass such a mail on."""
    async with FieldSmtpSink() as sink:
        sink.utf8 = True
        config = EmailConfig(
            to="Jörg <joerg@bücher.example>",
            from_="router@example.com",
            smtp_url=Secret(sink.url()),
        )
        assert await attempt(EmailDestination("x", config, environment), delivery)
        assert [[each.split("=")[0] for each in options] for options in sink.mail_options] == [
            ["SIZE"]
        ]


async def test_without_smtputf8_only_the_recipients_that_need_it_are_refused(environment, delivery):
    """Case D27: the others get the mail, the dead letter names the reason."""
    reason = "the mail server does not offer SMTPUTF8, which this address needs"
    refused = Refused("1 of 2 recipients refused", 553, f"{JOERG}: 553 {reason}", reached=(ANN,))
    mail, message = await sent(
        delivery, environment, outcome=refused, to=(f"Jörg <{JOERG}>", ANN), reply_to=JOERG
    )
    assert mail.recipients == (ANN,)
    assert mail.content.isascii()
    assert [each.addr_spec for each in message["To"].addresses] == [ANN]
    assert message["To"].groups[0].display_name == f"Jörg <{JOERG}>"


async def test_without_smtputf8_a_sender_that_needs_it_is_refused(environment, delivery):
    """Case D27: nothing is sent under another name."""
    refused = Refused(
        "sender refused by the mail server",
        553,
        "the mail server does not offer SMTPUTF8, which this address needs",
    )
    mail, _ = await sent(delivery, environment, outcome=refused, to=ANN, from_=JOERG)
    assert mail is None
    mail, message = await sent(delivery, environment, utf8=True, to=ANN, from_=JOERG)
    assert mail.sender == JOERG
    assert addresses(message["From"]) == [("", JOERG)]


async def test_who_has_the_mail_is_known_by_the_address_as_written(environment, delivery):
    """Case D27: no second mail for a recipient whose domain was sent in ASCII."""
    past = Attempt(number=1, at=0.0, seconds=0.1, reason="later", reached=("noc@bücher.example",))
    again = msgspec.structs.replace(delivery, attempt=2, failed_attempts=(past,))
    mail, _ = await sent(again, environment, to=("NOC <noc@bücher.example>", ANN))
    assert mail.recipients == (ANN,)


async def test_subject_and_headers_are_templates(environment, full):
    """Case D27: with the names that templates have everywhere."""
    _, message = await sent(
        full,
        environment,
        to=ANN,
        subject="{{ alert.severity|upper }}: {{ alert.summary }} ({{ data.account_sid }})",
        headers={"X-Team": "{{ alert.labels.team }}", "X-Site": "Köln", "X-None": "{{ none }}"},
    )
    assert message["Subject"] == (
        "WARNING: Conference Weekly Standup Meeting timed out (AC0000000000000000000000000000001)"
    )
    assert (message["X-Team"], message["X-Site"]) == ("voice", "Köln")


async def test_a_template_that_fails_loses_no_mail(environment, delivery, template_errors):
    """Case D27: the usual subject is sent, the header is left out, and both are reported."""
    mail, message = await sent(
        delivery,
        environment,
        to=ANN,
        subject="{{ data.nothing }}",
        headers={"X-Team": "{{ data.nothing }}"},
    )
    assert message["Subject"] == "[WARNING] Conference Weekly Standup Meeting timed out"
    assert b"X-Team" not in mail.content
    assert [error.partition("failed")[0] for error in template_errors] == [
        f"rule conference-summary-timeout: the subject of event {delivery.alert.event_id} ",
        f"rule conference-summary-timeout: the header X-Team of event {delivery.alert.event_id} ",
    ]


async def test_an_own_header_replaces_the_routers_default(environment, full):
    """Case D27: an auto-responder that needs another value."""
    mail, message = await sent(
        full, environment, to=ANN, headers={"X-Auto-Response-Suppress": "OOF"}
    )
    assert message["X-Auto-Response-Suppress"] == "OOF"
    assert mail.content.count(b"X-Auto-Response-Suppress") == 1


@pytest.mark.parametrize("trusted", [True, False])
async def test_an_authority_of_its_own(
    trusted, environment, stranger, authority, server_tls, delivery, tmp_path
):
    """Case D27: a mail server with a certificate of a private authority."""
    file = tmp_path / "ca.pem"
    (authority if trusted else trustme.CA()).cert_pem.write_to_path(str(file))
    async with FieldSmtpSink(tls=server_tls) as sink:
        config = EmailConfig(
            to=ANN,
            from_="router@example.com",
            smtp_url=Secret(sink.url("smtps")),
            tls=TlsConfig(ca=str(file)),
        )
        elsewhere = msgspec.structs.replace(environment, tls=stranger)
        outcome = await attempt(EmailDestination("x", config, elsewhere), delivery)
    unknown = Failed("TLS certificate from an unknown authority")
    assert outcome == (Delivered(250) if trusted else unknown)


def test_an_authority_needs_tls(authority, tmp_path):
    """Case D27: what would have no effect is refused."""
    file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(file))
    with pytest.raises(ValueError, match=r"tls is for smtps:// and smtp\+starttls://"):
        EmailConfig(
            to=ANN,
            from_="router@example.com",
            smtp_url=Secret("smtp://127.0.0.1"),
            tls=TlsConfig(ca=str(file)),
        )


@pytest.mark.parametrize(
    "more",
    [
        {"to": "NOC <noc@example.com>, ann@example.com"},
        {"cc": "ann@example.com", "bcc": ["bob@example.com"]},
        {"reply_to": ["a@example.com", "b@example.com"]},
        {"hello": "router.example.com"},
        {"hello": "[IPv6:2001:db8::1]"},
        {"timeouts": {"data": "5m"}},
        {"subject": "[{{ alert.rule }}] {{ alert.summary }}"},
        {"digest": {"every": "1h"}, "subject": "Voice alerts"},
        {"headers": {"X-Priority": "1", "List-Id": "voice"}},
        {
            "smtp_url": "smtp+starttls://router%40example.com@smtp.example.com",
            "oauth2": {
                "token_url": "https://login.example.com/token",
                "client_id": "router",
                "client_secret": "hush",
                "refresh_token": "1//x",
            },
        },
    ],
)
def test_configurations_that_can_be_written(more):
    """Case D27: what could not be written before."""
    written = {"to": [ANN], "from": "router@example.com", "smtp_url": "smtps://mail.example.com"}
    msgspec.convert(written | more, KINDS["email"].config, dec_hook=decode_value)
