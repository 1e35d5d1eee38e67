"""The URL of a Redis whose primary is asked of Redis Sentinel.

``redis+sentinel://user:password@host1:26379,host2,[::1]:26380/service/0`` names the sentinels, the
service that they monitor, and the database. User and password are those of the servers. The sentinels
have their own, as options: ``sentinel_username`` and ``sentinel_password``.
``rediss+sentinel://`` uses TLS to both.

No such scheme is registered. Sources: the form of https://pypi.org/project/Redis-Sentinel-Url, and the
names of the options as in https://docs.prefect.io/integrations/prefect-redis.
"""

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import unquote

import msgspec

from router.datatypes import Secret, host_in_url, is_host
from router.settings.redis_url_options import (
    CONNECTION_OPTIONS,
    check_nothing,
    check_options,
    read_options,
)

DEFAULT_PORT: Final = 26379
"""redis.io, "High availability with Redis Sentinel"."""
_SCHEMES: Final = ("redis+sentinel", "rediss+sentinel")
_FORM: Final = "write redis+sentinel://user:password@host1:26379,host2/service/0"
_URL: Final = re.compile(
    r"(?P<scheme>[^:/?#]+)://(?P<authority>[^/?#]*)(?P<path>[^?#]*)(?:\?(?P<query>[^#]*))?"
)
"""RFC 3986, appendix B. urlsplit takes no brackets after another host."""
_NODE: Final = re.compile(
    r"(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<name>[^\[\]:@,/\s]+))(?::(?P<port>[0-9]+))?"
)
_SERVICE: Final = re.compile(r"[A-Za-z0-9._-]+")
"""The names that ``sentinel monitor`` takes (sentinel.c of Redis 7.0)."""
_MOST_SENTINELS: Final = 16
_OPTIONS: Final = {
    "sentinel_username": check_nothing,
    "sentinel_password": check_nothing,
    **CONNECTION_OPTIONS,
}


class NodeAddress(msgspec.Struct, frozen=True):
    """The address at which a sentinel or a server listens."""

    host: str
    """A name or an address, without brackets."""
    port: int

    def __str__(self) -> str:
        return f"{host_in_url(self.host)}:{self.port}"


class Credentials(msgspec.Struct, frozen=True):
    """A user of Redis or of a sentinel."""

    username: str = ""
    """``""`` for the default user."""
    password: Secret | None = None


class SentinelUrl(msgspec.Struct, frozen=True, kw_only=True):
    """The parts of such a URL."""

    sentinels: tuple[NodeAddress, ...]
    service: str
    database: int = 0
    server_user: Credentials = Credentials()
    sentinel_user: Credentials = Credentials()
    client_name: str = ""
    is_tls: bool = False
    tls_options: Mapping[str, str | bool] = {}
    """The options of redis-py's connections that begin with ``ssl_``."""


def is_sentinel_url(text: str) -> bool:
    """Return whether a URL names sentinels; it may be wrong otherwise."""
    return text.partition("://")[0] in _SCHEMES


def parse_sentinel_url(text: str) -> SentinelUrl:
    """Return what a URL says. Files that it names are opened, and no server is asked.

    Raises:
        ValueError: It is wrong. The message has neither user nor password.
    """
    if not is_sentinel_url(text):
        raise ValueError(f"is no URL of sentinels, {_FORM}")
    parts = _split(text)
    user, nodes = _authority(parts["authority"])
    service, database = _place(parts["path"])
    options = read_options(parts["query"])
    is_tls = parts["scheme"] == "rediss+sentinel"
    check_options(options, _OPTIONS, tls_scheme="" if is_tls else "rediss+sentinel")
    return SentinelUrl(
        sentinels=nodes,
        service=service,
        database=database,
        server_user=user,
        sentinel_user=_credentials(
            options.get("sentinel_username", ""), options.get("sentinel_password", "")
        ),
        client_name=options.get("client_name", ""),
        is_tls=is_tls,
        tls_options=_tls_options(options) if is_tls else {},
    )


def _split(text: str) -> dict[str, str]:
    found = _URL.fullmatch(text)
    if found is None:
        raise ValueError("has a #, write it as %23" if "#" in text else f"is no URL, {_FORM}")
    if "@" in found["path"] + (found["query"] or ""):
        # Nothing is quoted, because it may be a part of the password.
        raise ValueError(
            f"has no valid hosts, {_FORM}; / ? # and @ in a password are %2F %3F %23 %40"
        )
    return found.groupdict("")


def _authority(text: str) -> tuple[Credentials, tuple[NodeAddress, ...]]:
    user, _, hosts = text.rpartition("@")
    nodes = tuple(_node(each, number) for number, each in enumerate(hosts.split(","), 1))
    if len(set(nodes)) != len(nodes):
        raise ValueError("names a sentinel twice, write each of them once")
    if len(nodes) > _MOST_SENTINELS:
        raise ValueError(f"names {len(nodes)} sentinels, at most {_MOST_SENTINELS} are supported")
    username, _, password = user.partition(":")
    return _credentials(unquote(username), unquote(password)), nodes


def _node(text: str, number: int) -> NodeAddress:
    found = _NODE.fullmatch(text)
    port = DEFAULT_PORT if found is None else int(found["port"] or DEFAULT_PORT)
    if found is None or not 0 < port < 2**16 or not is_host(found["six"] or found["name"]):
        # Not quoted: without an @ at its end, a password is read as a host.
        raise ValueError(
            f"has no valid host and port as sentinel number {number}, {_FORM};"
            " , : / ? # and @ in a password are %2C %3A %2F %3F %23 %40"
        )
    return NodeAddress(found["six"] or found["name"], port)


def _place(path: str) -> tuple[str, int]:
    service, slash, database = path.removeprefix("/").partition("/")
    if not service:
        raise ValueError(f"names no service of the sentinels, {_FORM}")
    if not _SERVICE.fullmatch(service):
        raise ValueError(f"has the service {service!r}, expected letters, digits, . _ and -")
    if slash and not re.fullmatch("[0-9]*", database):
        raise ValueError(f"has the database {database!r}, expected a number: {_FORM}")
    return service, int(database or 0)


def _credentials(username: str, password: str) -> Credentials:
    return Credentials(username, Secret(password) if password else None)


def _tls_options(options: Mapping[str, str]) -> dict[str, str | bool]:
    found: dict[str, str | bool] = {
        name: value for name, value in options.items() if name.startswith("ssl_")
    }
    # The name proves nothing if the certificate does not.
    is_checked = options.get("ssl_cert_reqs") != "none"
    found["ssl_check_hostname"] = (
        options.get("ssl_check_hostname", str(is_checked)).lower() == "true"
    )
    return found
