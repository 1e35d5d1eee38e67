"""Value types of settings and YAML files: durations, sizes, rates, networks, lists and secrets.

Settings and rules share these types, so that ``10s`` has one meaning and a secret cannot be printed
by accident.
"""

import hmac
import re
from decimal import Decimal
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

_DURATION_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION_PART: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)", re.ASCII)
_SPOKEN_UNITS: Final = (
    ("ms", r"ms|msecs?|millis|milliseconds?"),
    ("s", r"s|secs?|seconds?"),
    ("m", r"m|mins?|minutes?"),
    ("h", r"h|hrs?|hours?"),
    ("d", r"d|days?"),
    ("w", r"w|wks?|weeks?"),
)
_SPOKEN_PART: Final = re.compile(
    r"(\d+(?:[.,]\d+)?)\s*(?:"
    + "|".join(f"(?P<{unit}>{words})" for unit, words in reversed(_SPOKEN_UNITS))
    + r")(?![a-z])(?:\s|,|and\b)*",
    re.ASCII,
)
_ISO_8601: Final = re.compile(r"p(?:(\d+)w)?(?:(\d+)d)?(?:t(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?)?")
_CLOCK: Final = re.compile(r"(\d{1,3}):(\d\d):(\d\d)")
_LONGEST_PER: Final = 30 * _DURATION_UNITS["d"]
_LONGEST_SPOKEN: Final = 60
"""Characters of a text that may mean a duration."""
_PERCENT: Final = re.compile(r"\d{1,15}(?:\.\d{1,15})? ?%", re.ASCII)
_SIZE_UNITS: Final = {"": 1, "B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
_SIZE: Final = re.compile(r"(0|[1-9]\d*)\s*(B|KiB|MiB|GiB|)")
_RATE: Final = re.compile(r"(\d{1,9})\s*/\s*(\S+)")


class Duration(float):
    """A duration in seconds, written ``500ms``, ``10s``, ``1h30m`` or ``3d``; ``0`` needs no unit."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> "Duration":
        """Return the duration that ``text`` denotes; raise ValueError with examples if none."""
        if text == "0":
            return cls(0)
        parts = _DURATION_PART.findall(text)
        if not parts or "".join(number + unit for number, unit in parts) != text:
            meant = cls.meant_by(text) or "for example 500ms, 10s, 1h30m or 3d"
            raise ValueError(f"{text!r} is not a duration, write {meant}")
        return cls(sum(float(number) * _DURATION_UNITS[unit] for number, unit in parts))

    @staticmethod
    def meant_by(text: str) -> str:
        """Return how a duration that is written in another way is written here; ``""`` if it is none.

        Known are words (``5 minutes``, ``1h 30m``), weeks, ISO 8601 (``PT10M``) and ``01:30:00``.
        """
        text = text[:_LONGEST_SPOKEN].strip().lower()
        if exact := _ISO_8601.fullmatch(text):
            found = list(zip(exact.groups(default="0"), "wdhms", strict=True))
        elif exact := _CLOCK.fullmatch(text):
            found = list(zip(exact.groups(), "hms", strict=True))
        elif _SPOKEN_PART.sub("", text):
            return ""
        else:
            found = [(part[1], part.lastgroup or "") for part in _SPOKEN_PART.finditer(text)]
        return "".join(_written(amount.replace(",", "."), unit) for amount, unit in found)


def _written(amount: str, unit: str) -> str:
    """Return a part of a duration; ``""`` if it is zero."""
    number = float(amount)
    if not number:
        return ""
    return f"{7 * number:g}d" if unit == "w" else f"{number:g}{unit}"


class Share(float):
    """A share of a whole from 0 to 1, written ``5%`` or ``0.05``."""

    __slots__ = ()

    @classmethod
    def read(cls, value: object) -> "Share":
        """Return the share that a text or number denotes; raise ValueError with examples if none."""
        if isinstance(value, str) and _PERCENT.fullmatch(value):
            # Decimal, because 0.7 / 100 is not the double that is nearest to 0.7 %.
            share = float(Decimal(value.removesuffix("%").strip()) / 100)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            share = float(value)
        else:
            raise ValueError(f"{str(value)[:60]!r} is not a share, write for example 5% or 0.05")
        if not 0 <= share <= 1:
            raise ValueError("a share is from 0% to 100%")
        return cls(share)


class ByteSize(int):
    """A number of bytes, written ``1048576``, ``64KiB`` or ``1MiB``."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> "ByteSize":
        """Return the size that ``text`` denotes; raise ValueError with examples if none."""
        match = _SIZE.fullmatch(text)
        if match is None:
            raise ValueError(f"{text!r} is not a size, write for example 65536, 64KiB or 1MiB")
        return cls(int(match[1]) * _SIZE_UNITS[match[2]])


class Texts(tuple[str, ...]):
    """A list of texts, written with commas between them."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> "Texts":
        """Return the texts without surrounding white space; raise ValueError for an empty one."""
        parts = [part.strip() for part in text.split(",")]
        if not all(parts):
            raise ValueError(text)
        return cls(parts)


Address = IPv4Address | IPv6Address


def parse_address(text: str) -> Address | None:
    """Return the IP address that ``text`` denotes; None if it denotes none.

    An IPv4-mapped IPv6 address (``::ffff:192.0.2.1``), which an IPv6 socket reports for an IPv4
    client, becomes the IPv4 address.
    """
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def is_host(text: str) -> bool:
    """Return whether a text can be a host: an address, or a name that a name server can be asked for."""
    try:
        text.encode("idna")
    except UnicodeError:  # a label that is empty or has more than 63 bytes
        return False
    return bool(text) and not any(each.isspace() or ord(each) < 32 for each in text)


def host_in_url(host: str) -> str:
    """Return a host as URLs have it: an IPv6 address in brackets."""
    return f"[{host}]" if ":" in host else host


class Networks(tuple[IPv4Network | IPv6Network, ...]):
    """A list of addresses and networks, written ``10.0.0.0/8, 192.0.2.7, 2001:db8::/32``."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> "Networks":
        """Return the networks; raise ValueError for a part that is none or has host bits set."""
        return cls(ip_network(part.strip()) for part in text.split(","))

    def contains(self, address: Address | None) -> bool:
        """Return whether ``address`` is in one of the networks; False for None."""
        return address is not None and any(address in network for network in self)


class Rate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A rate limit with evenly spaced attempts; written ``5/s``, ``100/m`` or ``20/10s``."""

    limit: int
    """The number of attempts in each ``per``."""
    per: Duration
    """The period: `limit: 5, per: 1s` allows one attempt every 200 ms."""
    burst: int = 1
    """The number of attempts that may start at once after an idle period."""

    def __post_init__(self) -> None:
        if self.limit < 1 or self.burst < 1:
            raise ValueError(
                "limit and burst must be at least 1; without a limit, write rate: null"
            )
        if not 0 < self.per <= _LONGEST_PER:
            raise ValueError("per must be more than 0 and at most 30d, write for example 1s or 1m")

    @property
    def interval(self) -> float:
        """The seconds between two attempts."""
        return self.per / self.limit

    @classmethod
    def parse(cls, text: str) -> "Rate":
        """Return the rate that ``text`` denotes; raise ValueError with examples if none."""
        match = _RATE.fullmatch(text)
        if match is None:
            raise ValueError(f"{text!r} is not a rate, write for example 5/s, 100/m or 20/10s")
        span = match[2] if match[2][0].isdigit() else f"1{match[2]}"
        return cls(limit=int(match[1]), per=Duration.parse(span))


class Secret:
    """A string that only ``reveal`` returns; repr, str and format return ``***``."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the secret text."""
        return self._text

    def matches_bearer(self, authorization: str) -> bool:
        """Return whether an ``Authorization`` header has this bearer token; in constant time.

        The scheme has any case, and any space may follow it (RFC 9110, section 11.1).
        """
        # aiohttp decodes bytes that are not UTF-8 to lone surrogates.
        given = authorization.encode("utf-8", "surrogateescape")
        if Secret(f"Bearer {self._text}").matches(given):
            return True
        scheme, _, token = given.replace(b"\t", b" ").strip().partition(b" ")
        return scheme.lower() == b"bearer" and self.matches(token.lstrip())

    def matches(self, given: bytes) -> bool:
        """Return whether ``given`` is this secret in UTF-8; in constant time."""
        return hmac.compare_digest(given, self._text.encode("utf-8", "surrogateescape"))

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __repr__(self) -> str:
        return "***"


def check_proxy_url(text: str) -> None:
    """Raise ValueError unless ``text`` is the URL of an HTTP proxy.

    The message omits the text, because it may contain a password.
    """
    try:
        parts = urlsplit(text)
        usable = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ValueError(
            "is not the URL of an HTTP proxy, write for example http://proxy.example.com:3128"
            " or http://user:password@proxy.example.com:3128"
        )


def decode_value(kind: type, value: Any) -> Any:
    """Convert text to Duration, ByteSize, Share or Secret; msgspec's ``dec_hook``.

    Raises ValueError for other values; msgspec turns it into a ValidationError with the path.
    """
    if kind is ByteSize and type(value) is int and value >= 0:
        return ByteSize(value)
    if kind is Share:
        return Share.read(value)
    if not isinstance(value, str):
        # The message omits the value, because it may be a secret written as a number.
        raise ValueError(f"expected text such as {_EXAMPLES.get(kind, '...')}")  # noqa: TRY004 - msgspec adds the path to a ValueError
    if kind is Secret:
        return Secret(value)
    if kind is Duration:
        return Duration.parse(value)
    if kind is ByteSize:
        return ByteSize.parse(value)
    raise NotImplementedError(kind)


_EXAMPLES: Final[dict[type, str]] = {Duration: "10s", ByteSize: "1MiB", Secret: '"secret"'}
