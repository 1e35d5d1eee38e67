"""Errors that a 2xx states in its body (pure).

Services that queue what they get, and proxies before them, answer 200 and say in the body that
nothing was done: JSON with ``"ok": false``, a sentence, the page of a login.
"""

from typing import Any, Final, TypeVar

import msgspec

T = TypeVar("T")

WEB_PAGE: Final = "the reply is a web page, for example of a login or a proxy"
UNNAMED: Final = "the reply says that it failed"
_EXAMINED: Final = 4096
"""Bytes of a body that are looked at."""


class _Said(msgspec.Struct, frozen=True):
    ok: bool = True
    success: bool = True
    error: Any = None


def beginning(content: bytes) -> str:
    """Return the beginning of a body as text, without white space around it."""
    return content[:_EXAMINED].decode("utf-8-sig", "replace").strip()


def is_web_page(content: bytes) -> bool:
    """Return whether a body is HTML or XML, which no service that takes alerts answers."""
    return beginning(content).startswith("<")


def read_reply(content: bytes | str, kind: type[T]) -> T | None:
    """Return what a body in JSON says, None if it is not of that kind."""
    try:
        return msgspec.json.decode(content, type=kind)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None


def json_error(content: bytes) -> Any:
    """Return the error of a JSON object, UNNAMED if it only says that it failed, None for none."""
    said = read_reply(content, _Said)
    if said is None or (said.ok and said.success and not said.error):
        return None
    return said.error or UNNAMED
