"""The URL of Redis: its form, and the options that its query may have.

redis-py ignores a database that is no number, and other mistakes fail when it connects. The URL is
therefore checked here, when the settings are read.

Source: redis-py 5.3, ``redis.asyncio.connection.parse_url``; the forms of the URL are those of
"redis" and "rediss" in IANA's list of URI schemes, and ``router.settings.sentinel_url``.
"""

import re
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

from router.datatypes import is_host
from router.settings.redis_url_options import (
    CONNECTION_OPTIONS,
    check_number,
    check_options,
    read_options,
)
from router.settings.sentinel_url import is_sentinel_url, parse_sentinel_url

_FORMS: Final = "write redis://host:6379/0, rediss://… or unix:///…"
_OPTIONS: Final = {"db": check_number, **CONNECTION_OPTIONS}


def check_redis_url(text: str) -> None:
    """Check a URL. Files that it names are opened, and Redis is not asked.

    Raises:
        ValueError: It is wrong. The message has neither user nor password.
    """
    if is_sentinel_url(text):
        parse_sentinel_url(text)
        return
    if not text.startswith(("redis://", "rediss://", "unix://")):
        raise ValueError(
            f"is not a Redis URL, {_FORMS}; with Sentinel redis+sentinel://host1,host2/service/0"
        )
    parts = _split(text)
    _check_host(unquote(parts.hostname or "localhost"))
    _check_place(parts)
    options = read_options(parts.query)
    check_options(options, _OPTIONS, tls_scheme="" if parts.scheme == "rediss" else "rediss")
    if "db" in options and parts.scheme != "unix" and parts.path.strip("/"):
        raise ValueError("has its database twice, in the path and as db, write it once")


def _split(text: str) -> SplitResult:
    try:
        parts = urlsplit(text)
        if parts.port != 0 and "@" not in parts.path + parts.query + parts.fragment:
            return parts
    except ValueError:
        pass
    # Not quoted, because it may be a part of the password.
    raise ValueError(
        f"has no valid host and port, {_FORMS}; / ? # and @ in a password are %2F %3F %23 %40"
    )


def _check_host(text: str) -> None:
    if "," in text:
        raise ValueError(
            "names several hosts, which is for Sentinel: redis+sentinel://host1,host2/service/0"
        )
    if not is_host(text):
        raise ValueError(f"has no valid host and port, {_FORMS}")


def _check_place(parts: SplitResult) -> None:
    if parts.fragment:
        raise ValueError("has a #, write it as %23")
    if parts.scheme == "unix":
        if parts.hostname or not parts.path.strip("/"):
            raise ValueError("names no socket, write unix:///run/redis.sock")
    elif not re.fullmatch(r"(/[0-9]*)?", parts.path):
        raise ValueError(f"has the database {parts.path[1:]!r}, expected a number: {_FORMS}")
