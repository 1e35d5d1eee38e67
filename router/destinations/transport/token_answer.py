"""Answers of OAuth 2 token servers, as they really are (pure).

RFC 6749 asks for JSON with a number in ``expires_in``, and for status 400 with an error. Servers
also send the number as text, null or a fraction, leave out the type, send a form instead of JSON, or
an error with status 200. Sources: RFC 6749, sections 5.1 and 5.2; Microsoft's page on the v1.0
endpoint (text); GitHub's page on OAuth apps (a form, errors with 200).
"""

import math
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec

from router.destinations.rendering.text import one_line

UNKNOWN_LIFETIME: Final = 3600.0
"""Seconds for which a token is used whose lifetime is not known."""
_LONGEST_LIFETIME: Final = 30 * 86400.0
_BOM: Final = b"\xef\xbb\xbf"
_CODE_LIMIT: Final = 60
_DESCRIPTION_LIMIT: Final = 200
_TEMPORARY: Final = frozenset(
    {"server_error", "slow_down", "temporarily_unavailable", "rate_limited", "too_many_requests"}
)
_FORM_FIELDS: Final = 100


class GrantedToken(msgspec.Struct, frozen=True):
    """An access token."""

    text: str
    kind: str
    """``bearer`` in small letters, unless the answer has another type."""
    lifetime: float
    """Seconds."""


class DeniedToken(msgspec.Struct, frozen=True):
    """The server's reason for giving no token, in one line."""

    reason: str
    is_temporary: bool


def read_token_answer(content: bytes) -> GrantedToken | DeniedToken | None:
    """Return the meaning of an answer's body; None if it is neither a token nor an error."""
    fields = _fields(content.removeprefix(_BOM).strip())
    token = fields.get("access_token")
    if isinstance(token, str) and token.strip():
        kind = fields.get("token_type")
        return GrantedToken(
            token.strip(),
            (kind.strip().lower() if isinstance(kind, str) else "") or "bearer",
            _lifetime(fields.get("expires_in")),
        )
    code = fields.get("error")
    if not isinstance(code, str) or not code.strip():
        return None
    description = fields.get("error_description")
    reason = one_line(code, _CODE_LIMIT)
    if isinstance(description, str) and description.strip():
        reason += f": {one_line(description, _DESCRIPTION_LIMIT)}"
    return DeniedToken(reason, code.strip() in _TEMPORARY)


def _fields(content: bytes) -> dict[str, Any]:
    try:
        fields = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        try:
            return dict(parse_qsl(content.decode("ascii"), max_num_fields=_FORM_FIELDS))
        except ValueError:
            return {}
    return fields if isinstance(fields, dict) else {}


def _lifetime(value: object) -> float:
    """Return the seconds of ``expires_in``; UNKNOWN_LIFETIME if it has no positive number."""
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        return UNKNOWN_LIFETIME
    try:
        seconds = float(value)
    except (ValueError, OverflowError):
        return UNKNOWN_LIFETIME
    if math.isnan(seconds) or seconds <= 0:
        return UNKNOWN_LIFETIME
    return min(seconds, _LONGEST_LIFETIME)
