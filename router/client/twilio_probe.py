"""Calls a sink's URL once as Twilio would, with an empty array, and reads what answers there.

An empty array has no events, so a router answers 202 and stores nothing. All that makes Twilio's request
fail makes this one fail too, unless it is the way from Twilio to this place: names, TLS, the proxy, the
path, the signature, the credentials of the sink. The reply says which of them it was.
"""

import base64
import enum
from collections.abc import Mapping
from typing import Final, TypeVar
from urllib.parse import urlsplit

import msgspec

from router.alerts import Failed, Refused
from router.datatypes import Secret
from router.destinations.contract import Environment
from router.destinations.transport.http_client import HttpClient, HttpOptions
from router.destinations.transport.http_status import HttpReply
from router.http.openapi import ErrorBody
from router.ingress.responses import Accepted
from router.media_types import JSON
from router.settings.choices import Egress
from router.sources.twilio_signature import SIGNATURE_HEADER, body_hash, sign

T = TypeVar("T")

_SECONDS: Final = 10.0
_UNKNOWN_TOKEN: Final = Secret("not-a-token")
"""Signs when no auth token is known: a router with tokens then answers ``wrong_signature``."""


class ProbeFinding(enum.StrEnum):
    """The result of a request to the sink's URL."""

    ACCEPTED = "accepted"
    """The router accepted the signature."""
    REACHED = "reached"
    """The router answers; whether it accepts the signature cannot be told from here."""
    NO_NAME = "no_name"
    """DNS does not know the host."""
    NO_CONNECTION = "no_connection"
    """No TCP connection, or no answer."""
    BAD_CERTIFICATE = "bad_certificate"
    """The certificate is not one that Twilio accepts."""
    REDIRECT = "redirect"
    """The URL redirects, and Twilio does not follow."""
    GATEWAY = "gateway"
    """A proxy answers, and does not reach the router behind it."""
    OTHER_SERVER = "other_server"
    """Another server than the router answers."""
    OTHER_PATH = "other_path"
    """The router answers, and has nothing at this path."""
    NO_TOKEN = "no_token"  # noqa: S105 - a code
    """The router has no auth token."""
    WRONG_SIGNATURE = "wrong_signature"
    """The router rejects the signature."""
    NO_CREDENTIALS = "no_credentials"
    """The router requires a user and a password."""
    WRONG_CREDENTIALS = "wrong_credentials"
    """The router rejects the user and the password."""
    UNAVAILABLE = "unavailable"
    """The router answers that it cannot store events now."""


class ProbeReport(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a request."""

    finding: ProbeFinding
    status: int = 0
    """The HTTP status; 0 if there was no answer."""
    reason: str = ""
    """The network's error, or the router's message."""
    is_refused: bool = False
    """Whether the router refused the request, so that it records it for operators."""


_BY_CODE: Final[Mapping[str, ProbeFinding]] = {
    "not_found": ProbeFinding.OTHER_PATH,
    "no_token": ProbeFinding.NO_TOKEN,
    "wrong_signature": ProbeFinding.WRONG_SIGNATURE,
    "no_credentials": ProbeFinding.NO_CREDENTIALS,
    "wrong_credentials": ProbeFinding.WRONG_CREDENTIALS,
    # Only Twilio's addresses are allowed, as they should be, and this machine has another one.
    "wrong_address": ProbeFinding.REACHED,
    "too_many": ProbeFinding.REACHED,
    "overloaded": ProbeFinding.UNAVAILABLE,
    "journal_unavailable": ProbeFinding.UNAVAILABLE,
}
"""The codes of docs/reference/ingress.md, "Responses"."""


def read_reply(reply: HttpReply | Failed | Refused, *, is_signed: bool) -> ProbeReport:
    """Return what a reply shows (pure).

    Args:
        reply: The reply, or the network's error.
        is_signed: Whether the account's auth token signed the request.
    """
    if not isinstance(reply, HttpReply):
        return ProbeReport(
            finding=_of_network(reply.reason), status=reply.status or 0, reason=reply.reason
        )
    if 200 <= reply.status < 300:
        is_router = _decoded(reply.content, Accepted) is not None
        finding = ProbeFinding.ACCEPTED if is_router else ProbeFinding.OTHER_SERVER
        return ProbeReport(finding=finding, status=reply.status)
    rejected = _decoded(reply.content, ErrorBody)
    if rejected is None or reply.status < 400:
        return ProbeReport(finding=_of_other_server(reply.status), status=reply.status)
    finding = _BY_CODE.get(rejected.error.code, ProbeFinding.REACHED)
    if finding is ProbeFinding.WRONG_SIGNATURE and not is_signed:
        finding = ProbeFinding.REACHED
    return ProbeReport(
        finding=finding,
        status=reply.status,
        reason=rejected.error.message[:300],
        is_refused=finding is not ProbeFinding.OTHER_PATH,
    )


async def probe(
    url: str,
    environment: Environment,
    *,
    auth_token: Secret | None,
    credentials: Secret | None,
    body: bytes = b"[]",
) -> ProbeReport:
    """Send an empty array to a sink's URL, signed, and return what answers.

    Args:
        url: The URL of the sink, without user and password.
        environment: Gives the proxy and the certificates to trust.
        auth_token: The account's auth token; None if it is not known.
        credentials: ``user:password`` in the sink's URL; None for none.
        body: What is sent instead.
    """
    query = f"bodySHA256={body_hash(body)}"
    called = f"{url}{'&' if urlsplit(url).query else '?'}{query}"
    headers = {
        "Content-Type": JSON,
        SIGNATURE_HEADER: sign(called, auth_token or _UNKNOWN_TOKEN),
    }
    if credentials is not None:
        encoded = base64.b64encode(credentials.reveal().encode()).decode()
        headers["Authorization"] = f"Basic {encoded}"
    client = HttpClient(
        called,
        # The URL is the operator's own, and may be on this machine in a trial.
        msgspec.structs.replace(environment, egress=Egress.OPEN),
        HttpOptions(timeout=_SECONDS, connections=1),
        headers=headers,
        keeps_content=True,
    )
    await client.open()
    try:
        return read_reply(await client.send(body, {}), is_signed=auth_token is not None)
    finally:
        await client.close()


def _of_network(reason: str) -> ProbeFinding:
    """Return the finding of an error of ``destinations/transport/network_errors.py``."""
    if reason.startswith("name "):
        return ProbeFinding.NO_NAME
    return ProbeFinding.BAD_CERTIFICATE if "TLS" in reason else ProbeFinding.NO_CONNECTION


def _of_other_server(status: int) -> ProbeFinding:
    if 300 <= status < 400:
        return ProbeFinding.REDIRECT
    return ProbeFinding.GATEWAY if status in {502, 503, 504} else ProbeFinding.OTHER_SERVER


def _decoded(content: bytes, kind: type[T]) -> T | None:
    try:
        return msgspec.json.decode(content, type=kind)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
