"""The next step after a refused request, by the code of its error: for operators, not for senders."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

_OF_ALL: Final[Mapping[str, str]] = {
    "journal_unavailable": "the sender repeats it",
    "overloaded": "the sender repeats it",
    "too_large": "raise ROUTER_MAX_BODY, or send fewer events at once",
    "too_many": "the sender repeats it more slowly; ROUTER_CLIENT_RATE and ROUTER_CREDENTIAL_RATE",
}
_OF_BUILT_IN: Final[Mapping[str, str]] = {
    **_OF_ALL,
    "wrong_signature": (
        "sign it with one of ROUTER_TWILIO_AUTH_TOKENS for exactly the URL of the sink, or set"
        " ROUTER_PUBLIC_URL to that URL"
    ),
    "no_signature": "router send EVENT.json --sign signs as Twilio does",
    "no_body_hash": "Twilio adds bodySHA256 to the URL; router send EVENT.json --sign does too",
    "wrong_body_hash": "the body was changed on its way",
    "wrong_token": "send Authorization: Bearer and a token of ROUTER_EVENTS_TOKEN",
    "no_token": "the token is that of ROUTER_EVENTS_TOKEN",
    "not_found": "events go to POST /events, or signed to POST /twilio",
    "not_json": "the body is one CloudEvent in JSON, or an array of them",
    "not_a_cloudevent": 'an event has "specversion": "1.0", id, source and type',
    "too_many_events": "raise ROUTER_MAX_EVENTS_PER_REQUEST, or send fewer events at once",
    "wrong_origin": "add the origin to ROUTER_WEBHOOK_ORIGINS",
}
_OF_SOURCES: Final[Mapping[str, str]] = {
    **_OF_ALL,
    "too_many": "raise rate of the source, or ROUTER_CLIENT_RATE, if the sender needs more",
    "too_many_events": "raise events_per_request of the source and ROUTER_MAX_EVENTS_PER_REQUEST",
    "not_mappable": "router sources test shows each step from such a request to its events",
    "not_found": "router sources list shows the paths of all sources",
    "method": "add it to methods of the source, if the sender needs it",
    "wrong_origin": "add the origin to ROUTER_WEBHOOK_ORIGINS",
}
_HASH: Final = "bodySHA256"
BUILT_IN: Final = ("twilio", "events")
"""The sources that have a path in every router."""


def next_step(source: str, code: str) -> str:
    """Return what to do about an error of a source; ``""`` if its message says all.

    Args:
        source: The name of the source; ``""`` for a request to no source.
        code: The code of the error.
    """
    hints = _OF_BUILT_IN if source in (*BUILT_IN, "") else _OF_SOURCES
    return hints.get(code, "")


def without_values(url: str) -> str:
    """Return a URL without the values of its query, which may have a token; but with ``bodySHA256``."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url.partition("?")[0]
    pairs = [each.partition("=") for each in parts.query.split("&") if each]
    shown = (
        "".join(pair) if pair[0] == _HASH else f"{pair[0]}=…" if pair[1] else "…" for pair in pairs
    )
    query = "&".join(shown)
    return parts._replace(query="", fragment="").geturl() + (f"?{query}" if query else "")
