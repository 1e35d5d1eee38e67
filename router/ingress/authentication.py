"""Authentication: Twilio by signature, credentials and address; others by bearer token. Pure.

Every check that is configured must pass. If an auth token is set, the signature is one of the
checks, because only the signature covers the body. HTTP Basic credentials alone prove only which
sender it is; an operator accepts that by setting credentials and no auth token.
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Final

from multidict import istr

from router.datatypes import Address, Secret
from router.events.cloudevents import TWILIO
from router.events.model import Event
from router.ingress.refusal_hints import without_values
from router.ingress.responses import RequestRejectedError
from router.settings.choices import EventsOpen
from router.settings.model import Settings
from router.sources import twilio_signature
from router.sources.http_credentials import basic_credentials, is_known

_BASIC: Final = {"WWW-Authenticate": 'Basic realm="twilio", charset="UTF-8"'}
_BEARER: Final = {"WWW-Authenticate": "Bearer"}
_SIGNATURE: Final = istr(twilio_signature.SIGNATURE_HEADER)
_SIGNATURE_SETTINGS: Final = istr(twilio_signature.SETTINGS_HEADER)


def check_address(settings: Settings, address: Address | None) -> None:
    """Check the client address of a request to ``/twilio``.

    Raises:
        RequestRejectedError: Networks are configured, and ``address`` is in none of them.
    """
    allowed = settings.twilio_addresses
    if allowed and not allowed.contains(address):
        raise RequestRejectedError(
            HTTPStatus.FORBIDDEN,
            "wrong_address",
            "this client address is not allowed",
            detail=f"{address} is in none of ROUTER_TWILIO_ADDRESSES",
        )


def check_credentials(settings: Settings, authorization: str | None) -> str:
    """Return the ``user:password`` of the sink's URL, ``""`` if none are configured.

    Raises:
        RequestRejectedError: They are missing or wrong.
    """
    known = settings.twilio_basic_auth
    if not known:
        return ""
    if authorization is None:
        raise _challenge(
            "no_credentials", "credentials are missing: put user:password@ into the sink's URL"
        )
    given = basic_credentials(authorization)
    if not is_known(given, known):
        raise _challenge("wrong_credentials", "the user or the password is wrong")
    return given.decode("utf-8", "surrogateescape")


def check_signature(
    settings: Settings, headers: Mapping[str, str], urls: Sequence[str], credentials: str
) -> Secret | None:
    """Return the auth token that signed one of ``urls``, None if no signature is required.

    Raises:
        RequestRejectedError: A signature is required, and is missing or wrong.
    """
    if not _requires_signature(settings):
        return None
    found = twilio_signature.find_signing_token(
        signature=headers.get(_SIGNATURE),
        urls=urls,
        auth_tokens=settings.twilio_auth_tokens,
        settings=headers.get(_SIGNATURE_SETTINGS, ""),
        credentials=credentials,
    )
    if isinstance(found, twilio_signature.SignatureCheck):
        raise _signature_rejection(found, urls)
    return found


def check_body(settings: Settings, url: str, content: bytes) -> None:
    """Check the body against the hash in the signed ``url``.

    Raises:
        RequestRejectedError: A signature is required, and the hash is missing or wrong.
    """
    if _requires_signature(settings):
        result = twilio_signature.check_body(url, content)
        if result is not twilio_signature.SignatureCheck.GENUINE:
            raise _signature_rejection(result, [url])


def check_token(
    settings: Settings, authorization: str | None, in_query: str | None
) -> Secret | None:
    """Return the bearer token of a request to ``/events``, None if it has none and needs none.

    It may come as ``access_token`` in the query (CloudEvents "HTTP 1.1 Web Hooks", section 3.2).

    Raises:
        RequestRejectedError: The token is missing or wrong.
    """
    tokens, is_open = settings.events_token, settings.events_open is not EventsOpen.NO
    if not tokens:
        if is_open:
            return None
        raise RequestRejectedError(
            HTTPStatus.FORBIDDEN,
            "closed",
            "/events is closed: set ROUTER_EVENTS_TOKEN, or ROUTER_EVENTS_OPEN=yes to accept events"
            " without a token",
        )
    given = authorization or (None if in_query is None else f"Bearer {in_query}")
    if not given:
        if is_open:
            return None
        raise RequestRejectedError(
            HTTPStatus.UNAUTHORIZED,
            "no_token",
            "the bearer token is missing: send Authorization: Bearer <token>",
            headers=_BEARER,
        )
    # All are compared, so that the time says nothing of which one it is.
    matching = [token for token in tokens if token.matches_bearer(given)]
    if not matching:
        raise RequestRejectedError(HTTPStatus.FORBIDDEN, "wrong_token", "the bearer token is wrong")
    return matching[0]


def check_types(settings: Settings, events: Sequence[Event]) -> None:
    """Check the types of events that came to ``/events`` without a token.

    Raises:
        RequestRejectedError: One is Twilio's. Only a signature or a token proves such an event.
    """
    if settings.events_open is EventsOpen.ALL:
        return
    for index, event in enumerate(events):
        if event.type.lower().startswith(TWILIO):
            raise RequestRejectedError(
                HTTPStatus.FORBIDDEN,
                "twilio_type",
                f"events of {TWILIO}* need the bearer token ROUTER_EVENTS_TOKEN, or Twilio's"
                " signature at /twilio",
                path=f"$[{index}].type" if len(events) > 1 else "$.type",
            )


def _requires_signature(settings: Settings) -> bool:
    return bool(settings.twilio_auth_tokens) or not settings.twilio_basic_auth


def _signature_rejection(
    result: twilio_signature.SignatureCheck, urls: Sequence[str]
) -> RequestRejectedError:
    is_missing = result is twilio_signature.SignatureCheck.NO_SIGNATURE
    return RequestRejectedError(
        HTTPStatus.UNAUTHORIZED if is_missing else HTTPStatus.FORBIDDEN,
        result.name.lower(),
        str(result),
        detail=f"signed URL {' or '.join(map(without_values, urls))}",
    )


def _challenge(code: str, message: str) -> RequestRejectedError:
    return RequestRejectedError(HTTPStatus.UNAUTHORIZED, code, message, headers=_BASIC)
