"""Telephone numbers, SIP users and client identities, masked in part for a message (pure).

A reader needs enough to tell one caller from another, and not the number itself: ``+442079461234`` becomes
``+4420…1234``. At least four digits are always left out, so that fewer are shown of a short number.
Sources: Twilio, "E.164 phone number formatting"; "Call Summary Resource" for the forms of a party: a
number, a SIP address or a client's name; RFC 3261, section 19.1 (SIP addresses).
"""

import re
from typing import Final

_HIDDEN: Final = 4
"""Digits that are left out at least."""
_SHOWN: Final = 4
"""Digits that are shown at most, at the beginning and at the end."""
_ELLIPSIS: Final = "…"

# E.164, also as people write it: +1 (415) 555-0100.
_NUMBER: Final = re.compile(r"(?<![\w+])\+(\d(?:[ ().-]{0,2}\d){6,14})(?!\d)")
_SEPARATORS: Final = re.compile(r"[ ().-]+")
_DIGITS: Final = re.compile(r"\+?(\d{5,15})")
# A user of SIP may be percent-encoded; parameters behind the host may name people, too.
_SIP: Final = re.compile(r"\b(sips?:)([^\s@<>]{1,256})@([\w.:\[\]-]{1,255})[^\s<>]*", re.IGNORECASE)
_NAMED: Final = re.compile(r"\b(client:|whatsapp:|messenger:|rcs:)([^\s<>]+)", re.IGNORECASE)
_MAIL: Final = re.compile(r"(?<![\w.+:…-])([\w.+-]{1,64})@([\w-]+(?:\.[\w-]+)+)")
# The words that Twilio sends in place of a caller's number that is not known or withheld.
_NO_PARTY: Final = frozenset({"anonymous", "restricted", "unavailable", "unknown", "withheld"})
_SIGNS: Final = frozenset("@:+")
"""Characters of which each party in a text has one."""
_SID: Final = re.compile(r"[A-Z]{2}[0-9a-fA-F]{32}")


def mask_parties(text: str) -> str:
    """Return a text with all numbers, SIP users, client identities and addresses in it masked in part."""
    if _SIGNS.isdisjoint(text):  # as nearly all texts are
        return text
    masked = _SIP.sub(lambda found: f"{found[1]}{_user(found[2])}@{found[3]}", text)
    masked = _NAMED.sub(lambda found: f"{found[1]}{_user(found[2])}", masked)
    masked = _MAIL.sub(lambda found: f"{_user(found[1])}@{found[2]}", masked)
    return _NUMBER.sub(lambda found: f"+{_number(_SEPARATORS.sub('', found[1]))}", masked)


def mask_party(text: str) -> str:
    """Return a party of a call or message masked in part, whatever its form is.

    A SID is no party of a person, and is shown: a message may come from a messaging service.
    """
    if text.lower() in _NO_PARTY or _SID.fullmatch(text):
        return text
    masked = mask_parties(text)
    return masked if masked != text else _user(text)


def _user(text: str) -> str:
    """Return a name, or a number without its ``+``, masked in part."""
    if _ELLIPSIS in text:
        return text
    digits = _DIGITS.fullmatch(text)
    if digits is not None:
        return f"{'+' if text.startswith('+') else ''}{_number(digits[1])}"
    return f"{text[:1]}{_ELLIPSIS}"


def _number(digits: str) -> str:
    end = max(0, min(_SHOWN, len(digits) - _HIDDEN))
    begin = max(0, min(_SHOWN, len(digits) - _HIDDEN - end))
    return f"{digits[:begin]}{_ELLIPSIS}{digits[len(digits) - end :]}"
