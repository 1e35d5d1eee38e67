"""The URL of Redis: its form, and the options that its query may have.

redis-py takes any option of its connections from the query, ignores a database that is no number, and
opens certificates only when it connects. A wrong URL would therefore fail late, or change how replies
are read. It is checked here, when the settings are read.

Source: redis-py 5.3, ``redis.asyncio.connection.parse_url``; the forms of the URL are those of
"redis" and "rediss" in IANA's list of URI schemes.
"""

import re
import ssl
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, parse_qsl, urlsplit

_FORMS: Final = "write redis://host:6379/0, rediss://… or unix:///…"
_CERTIFICATE_CHECKS: Final = ("required", "optional", "none")


def check_redis_url(text: str) -> None:
    """Check a URL. Files that it names are opened, and Redis is not asked.

    Raises:
        ValueError: It is wrong. The message has neither user nor password.
    """
    if not text.startswith(("redis://", "rediss://", "unix://")):
        raise ValueError(f"is not a Redis URL, {_FORMS}")
    parts = _split(text)
    _check_place(parts)
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    for name, value in options.items():
        _check_option(parts.scheme, name, value)
    _check_certificates(options)


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


def _check_place(parts: SplitResult) -> None:
    if parts.fragment:
        raise ValueError("has a #, write it as %23")
    if parts.scheme == "unix":
        if not parts.path.strip("/"):
            raise ValueError("names no socket, write unix:///run/redis.sock")
    elif not re.fullmatch(r"(/[0-9]*)?", parts.path):
        raise ValueError(f"has the database {parts.path[1:]!r}, expected a number: {_FORMS}")


def _check_option(scheme: str, name: str, value: str) -> None:
    check = _OPTIONS.get(name)
    if check is None:
        raise ValueError(
            f"has the option {name!r}, which is not supported, the options are: {', '.join(_OPTIONS)}"
        )
    if name.startswith("ssl_") and scheme != "rediss":
        raise ValueError(f"has the option {name}, which needs TLS: write rediss://")
    check(name, value)


def _check_certificates(options: Mapping[str, str]) -> None:
    authorities, certificate = options.get("ssl_ca_certs"), options.get("ssl_certfile")
    if ("ssl_certfile" in options) != ("ssl_keyfile" in options):
        raise ValueError("has one of ssl_certfile and ssl_keyfile, write both")
    name = "ssl_ca_certs"
    try:
        tls = ssl.create_default_context(cafile=authorities)
        if certificate is not None:
            name = "ssl_certfile"
            # A key with a password would otherwise be asked for on the terminal.
            tls.load_cert_chain(certificate, options["ssl_keyfile"], password=lambda: "")
    except (ssl.SSLError, ValueError) as error:
        reason = getattr(error, "reason", None) or "is not in PEM format"
        raise ValueError(f"has {name}={options[name]}, which cannot be used: {reason}") from None


def _check_number(name: str, value: str) -> None:
    if not re.fullmatch("[0-9]+", value):
        raise ValueError(f"has {name}={value}, expected a number")


def _check_file(name: str, value: str) -> None:
    try:
        Path(value).read_bytes()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a path"
        raise ValueError(f"has {name}={value}, which cannot be read: {reason}") from None


def _check_choice(*choices: str) -> Callable[[str, str], None]:
    def check(name: str, value: str) -> None:
        if value not in choices:
            raise ValueError(f"has {name}={value}, expected one of {', '.join(choices)}")

    return check


def _accept(_name: str, _value: str) -> None:
    """Accept any value."""


_OPTIONS: Final[dict[str, Callable[[str, str], None]]] = {
    "db": _check_number,
    "client_name": _accept,
    "ssl_ca_certs": _check_file,
    "ssl_certfile": _check_file,
    "ssl_keyfile": _check_file,
    "ssl_cert_reqs": _check_choice(*_CERTIFICATE_CHECKS),
    "ssl_check_hostname": _check_choice("true", "false"),
}
