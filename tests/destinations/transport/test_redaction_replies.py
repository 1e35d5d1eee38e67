"""A receiver that sends secrets back, in any encoding, of each kind: none is in the outcome or the log."""

import logging
import re

import msgspec
import pytest
from contracts.destination import PLANTED, attempt
from support.encodings import ENCODINGS, shown_pieces
from support.mail import SmtpSink
from support.sinks import HttpSink, Reply

from router.alerts import Delivered
from router.datatypes import Duration, Secret
from router.destinations.apprise import AppriseConfig
from router.destinations.contract import DestinationConfig
from router.destinations.email_config import EmailConfig
from router.destinations.http_config import BasicConfig, HttpConfig, OAuth2Config
from router.destinations.kinds import build
from router.destinations.slack import SlackConfig

BASIC = BasicConfig(user="router", password=Secret(PLANTED))


def host(port: int) -> str:
    return f"http://127.0.0.1:{port}"


HTTP_KINDS = {
    "http": lambda port: HttpConfig(
        url=Secret(f"{host(port)}/hooks/{PLANTED}?token={PLANTED}"),
        headers={"X-Key": Secret(PLANTED), "Authorization": Secret(f"Bearer {PLANTED}")},
    ),
    "http with a password": lambda port: HttpConfig(url=Secret(f"{host(port)}/hook"), basic=BASIC),
    "http with a token": lambda port: HttpConfig(
        url=Secret(f"{host(port)}/hook"), bearer=Secret(PLANTED)
    ),
    "http with OAuth 2": lambda port: HttpConfig(
        url=Secret(f"{host(port)}/hook"),
        oauth2=OAuth2Config(
            token_url=f"{host(port)}/token", client_id="x", client_secret=Secret(PLANTED)
        ),
    ),
    "slack": lambda port: SlackConfig(webhook_url=Secret(f"{host(port)}/services/T0/{PLANTED}")),
    "slack with a token": lambda port: SlackConfig(
        api_url=f"{host(port)}/api/", token=Secret(PLANTED), channel="C042"
    ),
    "apprise": lambda port: AppriseConfig(
        url=Secret(f"json://user:{PLANTED}@127.0.0.1:{port}/{PLANTED}?+x-key={PLANTED}"),
        timeout=Duration(5),
    ),
}
STATUSES = (200, 302, 400, 404, 410, 429, 500)
ECHOES = {encoding: encode(PLANTED) for encoding, encode in ENCODINGS.items()}
GROUPS = [" | ".join(list(ECHOES.values())[at : at + 6]) for at in range(0, len(ECHOES), 6)]
"""A few at once, because only the beginning of a reply is stored."""
OTHERS = {"mail.log", "asyncio", "apprise", "urllib3.connectionpool"}
"""Loggers of the receivers of the tests, and those that a process redirects or caps."""


def leaks(shown: str, caplog: pytest.LogCaptureFixture) -> dict[str, set[str]]:
    logged = [str(vars(record)) for record in caplog.records if record.name not in OTHERS]
    found = {
        encoding: shown_pieces(encoding, PLANTED, "\n".join([shown, *logged]), characters=8)
        for encoding in ENCODINGS
    }
    return {encoding: pieces for encoding, pieces in found.items() if pieces}


def header(text: str) -> str:
    return re.sub(r"[^!-~]", "", text)


async def outcomes(config: DestinationConfig, delivery, environment, sink, replies) -> str:
    """Return all outcomes, as they are stored and logged."""
    shown = []
    for reply in replies:
        sink.otherwise = reply
        outcome = await attempt(build("here", config, environment), delivery)
        if not isinstance(outcome, Delivered):
            shown.append(f"{outcome.reason}\n{outcome.response}")
    return "\n".join(shown)


@pytest.mark.fault_row(72)
@pytest.mark.parametrize("kind", HTTP_KINDS)
async def test_no_reply_brings_a_secret_into_an_outcome(kind, environment, delivery, caplog):
    """Mutants: replies are redacted as they are; Slack's error code is not redacted."""
    caplog.set_level(logging.DEBUG)
    replies = [
        *(Reply(400, f"bad request: {group}".encode()) for group in GROUPS),
        *(Reply(status, f"bad request: {PLANTED}".encode()) for status in STATUSES),
        *(
            Reply(500, b"x" * (16_384 - 300) + echo.encode() * 40)
            for echo in list(ECHOES.values())[::4]
        ),
        *(
            Reply(200, msgspec.json.encode({"ok": False, "error": ECHOES[encoding][:70]}))
            for encoding in ("plain", "hexadecimal", "base64")
        ),
        Reply(302, b"", {"Location": header(f"/{GROUPS[0]}")}),
        Reply(429, b"", {"Retry-After": header(GROUPS[0])}),
    ]
    async with HttpSink() as sink:
        config = HTTP_KINDS[kind](sink.port)
        shown = await outcomes(config, delivery, environment, sink, replies)
    assert leaks(shown, caplog) == {}


@pytest.mark.fault_row(72)
@pytest.mark.parametrize("stage", ["mail", "recipient", "data"])
async def test_no_mail_server_brings_a_secret_into_an_outcome(stage, environment, delivery, caplog):
    """Mutant: replies are redacted as they are."""
    caplog.set_level(logging.DEBUG)
    shown = []
    async with SmtpSink(login=("router", PLANTED)) as sink:
        url = Secret(f"smtp://router:{PLANTED}@127.0.0.1:{sink.port}")
        config = EmailConfig(to=("ann@example.com",), from_="r@example.com", smtp_url=url)
        for group in GROUPS:
            reply = f"550 no: {group}".replace("\n", " ")
            sink.mail_reply = reply if stage == "mail" else ""
            sink.recipient_replies = {"ann@example.com": reply} if stage == "recipient" else {}
            sink.data_reply = reply if stage == "data" else ""
            shown.append(repr(await attempt(build("here", config, environment), delivery)))
    assert leaks("\n".join(shown), caplog) == {}
