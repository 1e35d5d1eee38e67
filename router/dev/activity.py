"""The log as ``router dev`` shows it: one line for what happens, and what to do about it."""

import logging
import traceback
from collections.abc import Callable, Mapping
from typing import Any, Final

from router.events.schemas import TEST_EVENT
from router.logs import fields_of
from router.printable import one_printable_line
from router.worker.evaluation.event_log import DUPLICATE, EVALUATED, EVENT_LOG

_SHOWN: Final = 300
"""Characters of a field."""

_HINTS: Final[Mapping[str, str]] = {
    "wrong_signature": (
        "sign it with one of ROUTER_TWILIO_AUTH_TOKENS for exactly the URL of the sink, or set"
        " ROUTER_PUBLIC_URL to that URL"
    ),
    "no_signature": "router send EVENT.json --sign signs as Twilio does",
    "no_body_hash": "Twilio adds bodySHA256 to the URL; router send EVENT.json --sign does too",
    "wrong_body_hash": "the body was changed on its way",
    "wrong_token": "send Authorization: Bearer and ROUTER_EVENTS_TOKEN",
    "journal_unavailable": "the sender repeats it",
}
"""The next step after a rejected request, by the code of the error."""


def _rejected(fields: Mapping[str, Any]) -> str:
    code = str(fields.get("code", ""))
    reason = f"{fields.get('reason', '')}{_at(fields.get('path'))}"
    detail = f"; {fields['detail']}" if fields.get("detail") else ""
    hint = f": {_HINTS[code]}" if code in _HINTS else ""
    return f"Rejected  {fields.get('status')} {code}: {reason}{detail}{hint}"


def _malformed(fields: Mapping[str, Any]) -> str:
    return (
        f"Malformed {fields.get('count')} of a signed request put into quarantine:"
        f" {fields.get('reason')}: router quarantine list"
    )


def _quarantined(fields: Mapping[str, Any]) -> str:
    return (
        f"Event     {fields.get('event')} put into quarantine: {fields.get('reason')}: router"
        " quarantine list"
    )


def _duplicate(fields: Mapping[str, Any]) -> str:
    return (
        f"Event     {fields.get('event')} dropped as a duplicate: this source and id were accepted"
        " before; send it with another id"
    )


def _evaluated(fields: Mapping[str, Any]) -> str:
    if fields.get("type") == TEST_EVENT:
        return ""  # shown already
    line = f"Event     {fields.get('event')} ({fields.get('type')})"
    rules, suppressed = fields.get("rules", []), fields.get("suppressed", [])
    if not rules:
        return f"{line} matches no rule: router explain EVENT.json says why"
    notified = fields.get("notified", [])
    parts = [f"matches {', '.join(rules)}"]
    if notified:
        parts.append(f"sent to {', '.join(notified)}")
    if suppressed:
        parts.append(f"suppressed: {', '.join(suppressed)}")
    if not notified and not suppressed:
        parts.append("nothing to send yet")
    return f"{line} {'; '.join(parts)}"


def _test_event(fields: Mapping[str, Any]) -> str:
    return (
        f"Twilio    the sink's test event arrived, test id {fields.get('test_id')}: the sink works; now"
        " subscribe it to event types"
    )


_LINES: Final[Mapping[str, Callable[[Mapping[str, Any]], str]]] = {
    "request rejected": _rejected,
    "malformed events quarantined": _malformed,
    "event quarantined": _quarantined,
    "Twilio test event received": _test_event,
    DUPLICATE: _duplicate,
    EVALUATED: _evaluated,
}
"""The line of a record, by its message; ``""`` for not at all. Other warnings have their fields."""


class ActivityHandler(logging.Handler):
    """Prints a line for each record that a developer wants to see.

    Args:
        echo: Prints a line on the terminal.
    """

    def __init__(self, echo: Callable[[str], None]) -> None:
        super().__init__()
        self._echo = echo

    def emit(self, record: logging.LogRecord) -> None:
        """Print a record, if it is one of those above or a warning."""
        fields = {name: _short(value) for name, value in fields_of(record).items()}
        show = _LINES.get(record.getMessage())
        if show is not None:
            if line := show(fields):
                self._echo(one_printable_line(line))
        elif record.levelno >= logging.WARNING:
            named = "".join(f" {name}={value}" for name, value in fields.items())
            title = record.levelname.capitalize().ljust(9)
            self._echo(one_printable_line(f"{title} {record.getMessage()}{named}"))
            if record.exc_info:
                self._echo("".join(traceback.format_exception(*record.exc_info)))


def show_activity(echo: Callable[[str], None]) -> None:
    """Print what happens, in place of the log."""
    logging.basicConfig(level=logging.WARNING, handlers=[ActivityHandler(echo)], force=True)
    EVENT_LOG.setLevel(logging.DEBUG)
    logging.getLogger("router.ingress.endpoints").setLevel(logging.INFO)


def _at(path: object) -> str:
    return f" at {path}" if path else ""


def _short(value: object) -> object:
    return value[:_SHOWN] if isinstance(value, str) else value
