"""The meaning of a receiver's reply where its destination says what counts (``success``, ``retry_on``).

Some receivers answer 200 to what they did not take: ``{"ok": false}``, a connector's "delivery
failed", the login page of a proxy. Others answer 404 or 423 for a moment, for example while a new
version starts behind an ingress.
"""

import contextlib
import re
from collections.abc import Callable, Iterable
from typing import Any, Final

import msgspec

from router.alerts import Delivered, Outcome, Refused
from router.cel.condition import Condition, Verdict, compile_condition
from router.cel.expression import compile_expression
from router.destinations.rendering.text import one_line
from router.destinations.transport import http_status
from router.destinations.transport.http_status import HttpReply
from router.errors import ConditionError

StatusCodes = tuple[int | str, ...]
"""Statuses, or classes such as ``5xx``."""

_CLASS: Final = re.compile("([1-5])xx", re.IGNORECASE)
_NAMES: Final = ("body", "status", "text")
_BOM: Final = b"\xef\xbb\xbf"
_TEXT_LIMIT: Final = 1000
_REASON_LIMIT: Final = 200


class SuccessConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The replies that mean that the receiver has the delivery: all that is given must hold."""

    status: StatusCodes = ()
    """Statuses, instead of ``2xx``."""
    when: str = ""
    """A condition in CEL over ``body`` (the reply's JSON), ``status`` and ``text``."""
    text: str = ""
    """Words that the reply must contain."""

    def __post_init__(self) -> None:
        if not (self.status or self.when or self.text.strip()):
            raise ValueError("success needs status, when or text")
        status_set("status", self.status)
        if len(self.text) > _TEXT_LIMIT:
            raise ValueError(f"text has {len(self.text)} characters, at most {_TEXT_LIMIT}")
        if self.when:
            reply_condition(self.when)

    @property
    def reads_body(self) -> bool:
        """Whether the body of a 2xx counts."""
        return bool(self.when or self.text)


class ReplyPolicy:
    """The meaning of the replies to one destination.

    Args:
        success: The replies that are a success; None for each 2xx.
        retry_on: Statuses that are retried, besides those of the table in ``http_status``.
        refuse_on: Statuses that are final, although that table retries them.
    """

    def __init__(
        self, success: SuccessConfig | None, retry_on: StatusCodes, refuse_on: StatusCodes
    ) -> None:
        wanted = success or SuccessConfig(status=("2xx",))
        self._success = status_set("status", wanted.status or ("2xx",))
        self._condition = reply_condition(wanted.when) if wanted.when else None
        self._words = _words(wanted.text) if wanted.text else None
        self._quoted = wanted.text
        self._retried = status_set("retry_on", retry_on)
        self._refused = status_set("refuse_on", refuse_on)

    def outcome(self, reply: HttpReply, *, now: float, show: Callable[[bytes], str]) -> Outcome:
        """Return the outcome of a reply.

        Args:
            reply: The reply, with its body if ``SuccessConfig.reads_body``.
            now: Unix time in seconds, for a Retry-After that is a date.
            show: Returns a body without secrets, for the record of the attempt.
        """
        problem = self._problem(reply)
        if not problem:
            return Delivered(reply.status)
        if reply.status < 300 or reply.status in self._success:
            shown = msgspec.structs.replace(reply, text=reply.text or show(reply.content))
            if reply.status in self._refused:
                return _final(shown, problem)
            return http_status.failed(shown, problem, now=now)
        outcome = http_status.outcome(reply, now=now)
        if reply.status in self._retried and isinstance(outcome, Refused):
            return http_status.failed(reply, http_status.phrase(reply.status), now=now)
        if reply.status in self._refused and not isinstance(outcome, Delivered):
            return _final(reply, outcome.reason)
        return outcome

    def _problem(self, reply: HttpReply) -> str:
        """Return why a reply is no success; ``""`` if it is one."""
        if reply.status not in self._success:
            return f"{http_status.phrase(reply.status)} is not in success.status"
        text = reply.content.removeprefix(_BOM).decode("utf-8", "replace").strip()
        if self._words is not None and self._words.search(text) is None:
            return f"{http_status.phrase(reply.status)}, but the answer has no `{self._quoted}`"
        if self._condition is None:
            return ""
        reason = _unfulfilled(self._condition, reply, text)
        return f"{http_status.phrase(reply.status)}, but {reason}" if reason else ""


def _final(reply: HttpReply, reason: str) -> Refused:
    """Return a refusal after which the delivery is given up, whatever its status usually means."""
    refused = http_status.refused(reply, reason)
    return msgspec.structs.replace(refused, of_delivery=True)


def reply_condition(source: str) -> Condition:
    """Return a condition over a reply.

    Raises:
        ValueError: It is not valid. The message begins with ``when``.
    """
    # A reply takes the place of the event: its JSON is the data too.
    names = {name: compile_expression(f"event.{name}") for name in _NAMES}
    try:
        return compile_condition(source, names)
    except ConditionError as error:
        hint = f" ({error.hint})" if error.hint and "of the event" not in error.hint else ""
        raise ValueError(
            f"when: {error.message}{hint}, at character {error.offset + 1};"
            " it is CEL over body, status and text, for example body.ok == true"
        ) from None


def status_set(key: str, codes: Iterable[int | str]) -> frozenset[int]:
    """Return the statuses that ``codes`` name.

    Raises:
        ValueError: One is neither a status nor a class. The message begins with ``key``.
    """
    found: set[int] = set()
    for code in codes:
        class_ = _CLASS.fullmatch(str(code))
        if class_ is not None:
            first = int(class_[1]) * 100
            found.update(range(first, first + 100))
        elif re.fullmatch("[1-5][0-9][0-9]", str(code)):
            found.add(int(code))
        else:
            raise ValueError(
                f"{key}: {str(code)[:20]!r} is no status, write for example [404, 423, 5xx]"
            )
    return frozenset(found)


def _words(text: str) -> "re.Pattern[str]":
    """Return a pattern for a text that is not a part of longer words: ``ok`` is not in ``token``."""
    return re.compile(rf"(?<!\w){re.escape(text.strip())}(?!\w)")


def _unfulfilled(condition: Condition, reply: HttpReply, text: str) -> str:
    """Return why a condition does not hold; ``""`` if it does."""
    answer: dict[str, Any] = {"status": reply.status, "text": text}
    with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        answer["body"] = answer["data"] = msgspec.json.decode(reply.content.removeprefix(_BOM))
    match condition.verdict(answer):
        case Verdict.MATCH:
            return ""
        case Verdict.NO_MATCH:
            return "success.when is false"
        case Verdict.ERROR if "body" not in answer:
            return "the answer is not JSON"
        case Verdict.ERROR:
            return one_line(f"success.when has no value: {condition.reason(answer)}", _REASON_LIMIT)
