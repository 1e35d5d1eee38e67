"""The meaning of a mail server's replies (pure).

A 4xx reply is temporary, a 5xx reply final (RFC 5321, section 4.2.1). If a server accepts some
recipients and not others, it gets the mail for the accepted ones. ``reached`` names them, so that no
later attempt writes to them again.
"""

import re
from collections.abc import Sequence
from typing import Final

import msgspec

from router.alerts import Delivered, Failed, Outcome, Refused

NO_SMTPUTF8: Final = "the mail server does not offer SMTPUTF8, which this address needs"
CROWDED: Final = frozenset({421, 432})
"""Replies of servers with too many connections (RFC 5321, section 3.8; Exchange Online's 432)."""

_LIMIT_EXCEEDED: Final = 432
# Postfix, Exchange Online, Gmail, Amazon SES and Sendmail say these of a sender, not of a mailbox.
_THROTTLED: Final = re.compile(
    r"\btoo many (?!recipients|hops)|\bthrottl|\brate[ -]?limit|\bsending rate\b|\bconcurrent\b"
    r"|\btoo (?:fast|quickly)\b|\bthread limit\b",
    re.IGNORECASE,
)


_TOO_LARGE: Final = 552
"""Also the reply to MAIL with a size that is too large (RFC 1870, section 6.1)."""


class Recipient(msgspec.Struct, frozen=True):
    """A recipient that the server did not accept, and its reply."""

    address: str
    code: int
    text: str


class ReplyError(Exception):
    """Raised when the server rejects a step of a mail.

    Args:
        step: ``connection``, ``login``, ``sender``, ``recipient`` or ``message``.
        code: The reply's code.
        text: The reply's text.
    """

    def __init__(self, step: str, code: int, text: str) -> None:
        super().__init__(step, code)
        self.step = step
        self.code = code
        self.text = text


class NotOfferedError(Exception):
    """Raised when the server lacks a feature that the configuration asks for."""


def outcome(recipients: Sequence[str], refused: Sequence[Recipient]) -> Outcome:
    """Return the outcome of a mail by the replies to its recipients.

    Args:
        recipients: All recipients.
        refused: The recipients that the server did not accept.

    Returns:
        Delivered if all were accepted. Failed if some were rejected for now: those are retried.
        Refused if the others were rejected for good: the dead letter names them.
    """
    if not refused:
        return Delivered(250)
    text = "; ".join(f"{each.address}: {each.code} {each.text}" for each in refused)
    without = {each.address for each in refused}
    reached = tuple(address for address in recipients if address not in without)
    passing = [each for each in refused if not is_final(each.code)]
    count = f"{len(passing or refused)} of {len(recipients)} recipients"
    if passing:
        return Failed(f"{count} not taken for now", passing[0].code, text, reached=reached)
    return Refused(f"{count} refused", refused[0].code, text, reached=reached)


def from_reply(error: ReplyError) -> Failed | Refused:
    """Return the outcome of a mail of which the server rejected a step."""
    if is_final(error.code):
        return Refused(
            f"{error.step} refused by the mail server",
            error.code,
            error.text,
            of_delivery=error.step == "message" or error.code == _TOO_LARGE,
        )
    if 400 <= error.code < 500:
        throttled = error.code == _LIMIT_EXCEEDED or bool(_THROTTLED.search(error.text))
        reason = f"{error.step} not taken for now"
        return Failed(reason, error.code, error.text, throttled=throttled)
    return Failed("malformed answer", None, error.text)


def is_final(code: int) -> bool:
    """Return whether a reply's code says that a repeat will be rejected too."""
    return 500 <= code < 600
