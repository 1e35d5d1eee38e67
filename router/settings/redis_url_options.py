"""The options that the query of a URL of Redis may have.

redis-py takes any option of its connections from the query and opens certificates only when it
connects. A wrong option would therefore fail late, or change how replies are read.

Source: redis-py 5.3, ``redis.asyncio.connection.parse_url``.
"""

import re
import ssl
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import parse_qsl

from router.bounded_read import check_readable

_CERTIFICATE_CHECKS: Final = ("required", "optional", "none")

OptionCheck = Callable[[str, str], None]
"""Raises ValueError for a value of the option, by name, that is wrong."""


def check_options(
    options: Mapping[str, str], checks: Mapping[str, OptionCheck], *, tls_scheme: str = ""
) -> None:
    """Check the options of a query. Files that they name are opened.

    Args:
        options: The options as they are written.
        checks: The options that the URL may have.
        tls_scheme: The scheme to write for TLS; ``""`` if the URL has it already.

    Raises:
        ValueError: One is unknown or wrong. The message has neither user nor password.
    """
    for name, value in options.items():
        check = checks.get(name)
        if check is None:
            known = ", ".join(checks)
            raise ValueError(
                f"has the option {name!r}, which is not supported, the options are: {known}"
            )
        if name.startswith("ssl_") and tls_scheme:
            raise ValueError(f"has the option {name}, which needs TLS: write {tls_scheme}://")
        check(name, value)
    _check_certificates(options)


def read_options(query: str) -> dict[str, str]:
    """Return the options of a query. Raises ValueError if it has one twice."""
    found: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name in found:
            raise ValueError(f"has the option {name!r} twice, write it once")
        found[name] = value
    return found


def check_number(name: str, value: str) -> None:
    """Accept a decimal number."""
    if not re.fullmatch("[0-9]+", value):
        raise ValueError(f"has {name}={value}, expected a number")


def check_nothing(_name: str, _value: str) -> None:
    """Accept any value."""


def _check_client_name(name: str, value: str) -> None:
    """Accept what CLIENT SETNAME takes: printable ASCII without spaces (networking.c of Redis 7.0)."""
    if not re.fullmatch("[!-~]*", value):
        raise ValueError(
            f"has {name}={value!r}, expected letters, digits and signs of ASCII, no spaces"
        )


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


def _check_file(name: str, value: str) -> None:
    try:
        check_readable(value)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a path"
        raise ValueError(f"has {name}={value}, which cannot be read: {reason}") from None


def _check_choice(*choices: str) -> OptionCheck:
    def check(name: str, value: str) -> None:
        if value not in choices:
            raise ValueError(f"has {name}={value}, expected one of {', '.join(choices)}")

    return check


CONNECTION_OPTIONS: Final[dict[str, OptionCheck]] = {
    "client_name": _check_client_name,
    "ssl_ca_certs": _check_file,
    "ssl_certfile": _check_file,
    "ssl_keyfile": _check_file,
    "ssl_cert_reqs": _check_choice(*_CERTIFICATE_CHECKS),
    "ssl_check_hostname": _check_choice("true", "false"),
}
