"""Checks of single values of the kind ``http``. No message contains a value that may be secret."""

import re
from typing import Final
from urllib.parse import urlsplit

from router.datatypes import Secret
from router.destinations.rendering.own_body import ALERT_FIELDS
from router.destinations.rendering.templates import is_template, template_error

HEADER_VALUE: Final = re.compile(r"[\t\x20-\x7e]+")
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_OWN_HEADERS: Final = frozenset(
    {
        *("connection", "content-encoding", "content-length", "host"),
        *("router-left-out", "router-replay-of", "transfer-encoding"),
        *("webhook-id", "webhook-signature", "webhook-timestamp"),
    }
)
# RFC 9110, section 8.3.1: type, subtype and parameters.
_MEDIA_TYPE: Final = re.compile(
    rf"{_TOKEN.pattern}/{_TOKEN.pattern}(?:\s*;\s*{_TOKEN.pattern}=(?:{_TOKEN.pattern}|\"[^\"]*\"))*"
)
_CHARSET: Final = re.compile(r";\s*charset=\"?([^\s;\"]+)", re.IGNORECASE)


def check_url(url: Secret) -> None:
    """Raise ValueError unless ``url`` is an HTTP URL, whose path and query may be templates."""
    text = url.reveal()
    origin = re.split("[/?#]", text.partition("://")[2])[0]
    if is_template(text) and ("{" in origin or text.lstrip().startswith("{")):
        raise ValueError(
            "url has a template in its scheme, host or port, which must not come from an event:"
            " write it into the path or the query"
        )
    try:
        parts = urlsplit(text)
        usable = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        raise ValueError("url is not a URL") from None
    if not usable:
        raise ValueError("url must begin with https:// or http:// and name a host")
    if parts.username is not None or parts.password is not None:
        raise ValueError("url contains a user or password, write basic: {user: …, password: …}")
    _check_template("url", text)


def check_header(name: str, value: Secret) -> None:
    """Raise ValueError unless a header is one that the operator may set, also as a template."""
    if name.lower() == "content-type":
        raise ValueError("headers: write content_type: … instead of the header")
    if name.lower() in _OWN_HEADERS or name.lower().startswith("ce-"):
        raise ValueError(f"headers: {name} is set by the router itself")
    if not _TOKEN.fullmatch(name) or not HEADER_VALUE.fullmatch(value.reveal()):
        raise ValueError(
            f"headers: {name!r} or its value has characters that are not allowed in a header"
        )
    _check_template(f"headers: {name}", value.reveal())


def check_content_type(content_type: str) -> None:
    """Raise ValueError unless it is ``""`` or a content type whose charset is UTF-8."""
    if not content_type:
        return
    if not _MEDIA_TYPE.fullmatch(content_type):
        raise ValueError("content_type is not a content type, write for example text/plain")
    charset = _CHARSET.search(content_type)
    if charset is not None and charset[1].lower() not in {"utf-8", "utf8"}:
        raise ValueError("content_type has another charset than UTF-8, in which bodies are sent")


def _check_template(place: str, text: str) -> None:
    problem = template_error(text, fields=ALERT_FIELDS) if is_template(text) else None
    if problem is not None:
        raise ValueError(f"{place}: {problem[1]}")
