"""Who may send? Twilio by signature, credentials and address; others by bearer token. Pure.

Every check that is configured must pass. Where an auth token is set, the signature is one of
them, for it alone covers the body; HTTP Basic credentials alone say only who sends, and that is
taken where the operator chose so by setting no auth token.
"""

import base64
import binascii
import hmac
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Final

from multidict import istr

from router.datatypes import Address, Secret
from router.ingress import twilio_signature
from router.ingress.responses import RequestRejectedError
from router.settings.model import Settings

_BASIC: Final = {"WWW-Authenticate": 'Basic realm="twilio", charset="UTF-8"'}
_BEARER: Final = {"WWW-Authenticate": "Bearer"}
_SIGNATURE: Final = istr("X-Twilio-Signature")
_SIGNATURE_SETTINGS: Final = istr("X-Twilio-Webhooks-Signature-Settings")


def check_address(settings: Settings, address: Address | None) -> None:
    """Raise RequestRejectedError when requests from ``address`` are not wanted at ``/twilio``."""
    allowed = settings.twilio_addresses
    if allowed and not allowed.contains(address):
        raise RequestRejectedError(
            HTTPStatus.FORBIDDEN,
            "wrong_address",
            "requests from this address are not taken",
            detail=f"{address} is in none of ROUTER_TWILIO_ADDRESSES",
        )


def check_credentials(settings: Settings, authorization: str | None) -> str:
    """The ``user:password`` of the sink's URL, ``""`` where none are configured.

    Raises RequestRejectedError unless they fit.
    """
    known = settings.twilio_basic_auth
    if not known:
        return ""
    if authorization is None:
        raise _challenge("no_credentials", "put user:password@ into the URL of the sink")
    given = _basic_credentials(authorization)
    if not _is_one_of(given, known):
        raise _challenge("wrong_credentials", "the user or the password is wrong")
    return given.decode("utf-8", "surrogateescape")


def check_signature(
    settings: Settings, headers: Mapping[str, str], url: str, credentials: str
) -> Secret | None:
    """The auth token that signed ``url``, None where none must.

    Raises RequestRejectedError unless Twilio signed, where it must.
    """
    if not _is_signed(settings):
        return None
    found = twilio_signature.find_signing_token(
        signature=headers.get(_SIGNATURE),
        url=url,
        auth_tokens=settings.twilio_auth_tokens,
        settings=headers.get(_SIGNATURE_SETTINGS, ""),
        credentials=credentials,
    )
    if isinstance(found, twilio_signature.SignatureCheck):
        raise _failed(found, url)
    return found


def check_body(settings: Settings, url: str, content: bytes) -> None:
    """Raise RequestRejectedError unless ``content`` is what ``url``, which Twilio signed, stands for."""
    if _is_signed(settings):
        result = twilio_signature.check_body(url, content)
        if result is not twilio_signature.SignatureCheck.GENUINE:
            raise _failed(result, url)


def _is_signed(settings: Settings) -> bool:
    return bool(settings.twilio_auth_tokens) or not settings.twilio_basic_auth


def _failed(result: twilio_signature.SignatureCheck, url: str) -> RequestRejectedError:
    missing = result is twilio_signature.SignatureCheck.NO_SIGNATURE
    return RequestRejectedError(
        HTTPStatus.UNAUTHORIZED if missing else HTTPStatus.FORBIDDEN,
        result.name.lower(),
        str(result),
        detail=f"signed URL {url}",
    )


def check_token(token: Secret | None, authorization: str | None, in_query: str | None) -> None:
    """Raise RequestRejectedError unless the bearer token fits, where one is set.

    It may come as ``access_token`` in the query (CloudEvents "HTTP 1.1 Web Hooks" section 3.2).
    """
    if token is None:
        return
    given = authorization or (None if in_query is None else f"Bearer {in_query}")
    if not given:
        raise RequestRejectedError(
            HTTPStatus.UNAUTHORIZED,
            "no_token",
            "send Authorization: Bearer <token>",
            headers=_BEARER,
        )
    if not token.matches_bearer(given):
        raise RequestRejectedError(HTTPStatus.FORBIDDEN, "wrong_token", "the bearer token is wrong")


def _challenge(code: str, message: str) -> RequestRejectedError:
    return RequestRejectedError(HTTPStatus.UNAUTHORIZED, code, message, headers=_BASIC)


def _basic_credentials(authorization: str) -> bytes:
    """``user:password`` as it was sent; ``b""`` for what is no Basic header."""
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return b""
    try:
        return base64.b64decode(encoded.strip().encode("ascii", "replace"), validate=True)
    except binascii.Error:
        return b""


def _is_one_of(given: bytes, known: Sequence[Secret]) -> bool:
    """Whether ``given`` is one of them; all are compared, each in constant time."""
    found = False
    for secret in known:
        found |= hmac.compare_digest(given, secret.reveal().encode("utf-8", "surrogateescape"))
    return found
