"""Mail addresses with their display names, as a configuration writes them (pure).

A domain with other than ASCII letters is sent in its ASCII form (IDNA), which every server knows. A
local part with other letters needs a server with SMTPUTF8. Sources: RFC 5321 (4.1.2, 4.5.3.1), RFC
5322 (3.4), RFC 6531, RFC 5891.
"""

import re
from collections.abc import Sequence
from typing import Final

import msgspec
from yarl import URL

_LOCAL_LIMIT: Final = 64
_DOMAIN_LIMIT: Final = 253
_ATOM: Final = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\u0080-\U0010ffff-]+"
_LOCAL: Final = re.compile(rf'{_ATOM}(?:\.{_ATOM})*|"(?:[ !#-\[\]-~]|\\[ -~])+"')
_LABEL: Final = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_DOMAIN: Final = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_LITERAL: Final = re.compile(r"\[(?:\d{1,3}(?:\.\d{1,3}){3}|IPv6:[0-9A-Fa-f:.]+)\]")
_NAMED: Final = re.compile(r"(?P<name>[^<>]*)<(?P<address>[^<>]*)>")
_QUOTED: Final = re.compile(r'"((?:[^"\\]|\\.)*)"')
# A comma that is neither in a quoted name nor in an address.
_PIECE: Final = re.compile(r'(?:"(?:[^"\\]|\\.)*"|<[^<>]*>|[^",<]|["<])+')


class Mailbox(msgspec.Struct, frozen=True):
    """An address, and the name that mail clients show for it."""

    name: str
    """``""`` if there is none."""
    local: str
    domain: str
    """As configured."""
    ascii_domain: str

    @property
    def address(self) -> str:
        """The address as configured."""
        return f"{self.local}@{self.domain}"

    @property
    def wire(self) -> str:
        """The address as SMTP and headers have it, with its domain in ASCII."""
        return f"{self.local}@{self.ascii_domain}"

    @property
    def needs_utf8(self) -> bool:
        """Whether only a server with SMTPUTF8 can send to it."""
        return not self.local.isascii()


def parse_mailbox(text: str, key: str) -> Mailbox:
    """Return an address, with or without a name before it.

    Args:
        text: The address as configured: ``noc@example.com`` or ``NOC <noc@example.com>``.
        key: The configuration's key that it is the value of.

    Raises:
        ValueError: It is not an address; the message names ``key``.
    """
    named = _NAMED.fullmatch(text.strip())
    name = _unquoted(named["name"].strip()) if named else ""
    address = named["address"].strip() if named else text.strip()
    local, at, domain = address.rpartition("@")
    wire_domain = _ascii_domain(domain)
    right = at and _LOCAL.fullmatch(local) and len(local.encode("utf-8", "replace")) <= _LOCAL_LIMIT
    if not right or not wire_domain or not name.isprintable() or not local.isprintable():
        raise ValueError(
            f"{key}: {text!r} is not an address,"
            " write for example noc@example.com or NOC <noc@example.com>"
        )
    return Mailbox(name, local, domain, wire_domain)


def parse_mailboxes(given: str | Sequence[str], key: str) -> tuple[Mailbox, ...]:
    """Return the addresses of a list, or of one text with commas between them.

    Raises:
        ValueError: One is not an address; the message names ``key``.
    """
    if not isinstance(given, str):
        return tuple(parse_mailbox(each, key) for each in given)
    return tuple(parse_mailbox(each, key) for each in _PIECE.findall(given) if each.strip())


def _unquoted(name: str) -> str:
    quoted = _QUOTED.fullmatch(name)
    return re.sub(r"\\(.)", r"\1", quoted[1]) if quoted else name


def _ascii_domain(domain: str) -> str:
    """Return a domain in ASCII; ``""`` if it is not a domain."""
    if _LITERAL.fullmatch(domain):
        return domain
    if domain.isascii():
        wire = domain
    else:
        try:
            wire = URL.build(scheme="smtp", host=domain).raw_host or ""
        except ValueError:  # UnicodeError is one
            return ""
    return wire if _DOMAIN.fullmatch(wire) and len(wire) <= _DOMAIN_LIMIT else ""
