"""The log as ``router dev`` shows it: one line for what happens, and what to do about it."""

import logging
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from router.events.schemas import TEST_EVENT
from router.ingress.refusal_hints import next_step
from router.log_sampling import LEFT_OUT
from router.logs import fields_of
from router.printable import one_printable_line
from router.worker.evaluation.event_log import DUPLICATE, EVALUATED, EVENT_LOG
from router.worker.work_log import DEAD_LETTERED, NOTIFIED, RETRIED, SUCCEEDED, WORK_LOG

CAPTURED: Final = "delivery captured"
"""The message of the line about a delivery that was shown in full."""
RULE_FAILED: Final = "rule evaluation failed"
_SHOWN: Final = 300
"""Characters of a field."""
_NAMES_SHOWN: Final = 5
"""Rules that a line names."""
_CAPTURES_KNOWN: Final = 1000
_EVENTS_KNOWN: Final = 1000
"""Deliveries that are known to be shown in full."""

_API_HINT: Final = (
    "send Authorization: Bearer and a token, ROUTER_ADMIN_TOKEN or the one shown at start as API"
)


def _rejected(fields: Mapping[str, Any]) -> str:
    code = str(fields.get("code", ""))
    what = " ".join(str(fields[name]) for name in ("method", "target") if fields.get(name))
    if not code:  # by the API, whose response has the reason
        return f"Rejected  {fields.get('status')} {what}: {_API_HINT}"
    reason = f"{fields.get('reason', '')}{_at(fields.get('path'))}"
    detail = f"; {fields['detail']}" if fields.get("detail") else ""
    is_api = str(fields.get("target", "")).startswith(("/api", "/console"))
    step = "" if is_api else next_step(str(fields.get("source", "")), code)
    hint = f": {step}" if step else ""
    where = f" {what}" if what else ""
    return f"Rejected  {fields.get('status')}{where} {code}: {reason}{detail}{hint}"


def _no_events(fields: Mapping[str, Any]) -> str:
    return f"Request   to /{fields.get('source')} has no events: its array is empty"


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
    rules, ends = fields.get("rules", []), fields.get("ends", [])
    if not rules and not ends:
        return f"{line} {_unmatched(fields.get('candidates', []))}"
    notified, suppressed = fields.get("notified", []), fields.get("suppressed", [])
    parts = [f"matches {', '.join(rules)}"] if rules else []
    if ends:
        parts.append(f"ends what {', '.join(ends)} may wait for")
    if notified:
        parts.append(f"sent to {', '.join(notified)}")
    if suppressed:
        parts.append(f"suppressed: {', '.join(suppressed)}")
    if rules and not notified and not suppressed:
        parts.append("nothing to send yet")
    return f"{line} {'; '.join(parts)}"


def _unmatched(candidates: list[str]) -> str:
    if not candidates:
        return "matches no rule: no rule has its type under events"
    return f"matches no rule; its type has {_some(candidates)}: router explain EVENT.json says why"


def _some(names: list[str]) -> str:
    """Return the first of some names, and how many there are more."""
    more = len(names) - _NAMES_SHOWN
    return ", ".join(names[:_NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _test_event(fields: Mapping[str, Any]) -> str:
    return (
        f"Twilio    the sink's test event arrived, test id {fields.get('test_id')}: the sink works; now"
        " subscribe it to event types"
    )


def _succeeded(fields: Mapping[str, Any]) -> str:
    return (
        f"Delivered {_delivery(fields)}, attempt {fields.get('attempt')}, {fields.get('seconds')} s"
    )


def _retried(fields: Mapping[str, Any]) -> str:
    return (
        f"Retry     {_delivery(fields)}: {fields.get('reason')}; attempt"
        f" {fields.get('attempt')} failed, the next one is in {fields.get('in_seconds')} s"
    )


def _dead_lettered(fields: Mapping[str, Any]) -> str:
    return (
        f"Gave up   {_delivery(fields)}: {fields.get('reason')}: router dead-letters show"
        f" {fields.get('delivery')}"
    )


def _delivery(fields: Mapping[str, Any]) -> str:
    return f"{fields.get('destination')}: event {fields.get('event')}, rule {fields.get('rule')}"


def _left_out(fields: Mapping[str, Any]) -> str:
    return f"          {fields.get('count')} more lines like: {fields.get('kind')}"


def _reloaded(fields: Mapping[str, Any]) -> str:
    return f"Rules     reloaded: {fields.get('rules')} rules, {fields.get('destinations')} destinations"


def _reload_rejected(_fields: Mapping[str, Any]) -> str:
    return "Rules     not reloaded, the previous ones stay active:"


def _problem(fields: Mapping[str, Any]) -> str:
    return f"          {fields.get('diagnostic')}"


def _nothing(_fields: Mapping[str, Any]) -> str:
    return ""


_LINES: Final[Mapping[str, Callable[[Mapping[str, Any]], str]]] = {
    "request rejected": _rejected,
    "request has no events": _no_events,
    "malformed events quarantined": _malformed,
    "event quarantined": _quarantined,
    RULE_FAILED: _nothing,  # told with its event
    "Twilio test event received": _test_event,
    "rules reloaded": _reloaded,
    "rules reload rejected; previous rules stay active": _reload_rejected,
    "rules problem reported": _problem,
    DUPLICATE: _duplicate,
    EVALUATED: _evaluated,
    NOTIFIED: _nothing,  # the line of its event says so
    CAPTURED: _nothing,
    SUCCEEDED: _succeeded,
    RETRIED: _retried,
    DEAD_LETTERED: _dead_lettered,
    LEFT_OUT: _left_out,
}
"""The line of a record, by its message; ``""`` for not at all. Other warnings have their fields."""

_LEVELS: Final[Mapping[str, int]] = {
    EVENT_LOG.name: logging.DEBUG,
    "router.worker.evaluation.batch_job": logging.DEBUG,
    WORK_LOG.name: logging.INFO,
    "router.configuration.reload": logging.INFO,
    "router.dev.dev": logging.INFO,
    "router.ingress.reception": logging.INFO,
}
"""The levels of the loggers that have these lines."""


class ActivityHandler(logging.Handler):
    """Prints a line for each record that a developer wants to see.

    Args:
        echo: Prints a line on the terminal.
    """

    def __init__(self, echo: Callable[[str], None]) -> None:
        super().__init__()
        self._echo = echo
        self._captured: deque[object] = deque(maxlen=_CAPTURES_KNOWN)
        """Ids of deliveries that were shown in full."""
        self._failed: dict[object, list[str]] = {}
        """The rules that have no result for an event, with the reason, until the event is told."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print a record, if it is one of those above or a warning."""
        fields = {name: _short(value) for name, value in fields_of(record).items()}
        message = record.getMessage()
        if message in _LINES:
            for line in self._lines(message, fields):
                self._print(line)
        elif record.levelno >= logging.WARNING:
            named = "".join(f" {name}={value}" for name, value in fields.items())
            self._print(f"{record.levelname.capitalize().ljust(9)} {message}{named}")
            if record.exc_info:
                self._echo("".join(traceback.format_exception(*record.exc_info)))

    def _lines(self, message: str, fields: Mapping[str, Any]) -> Iterator[str]:
        """Yield the lines of a record with one of the messages above."""
        if message == CAPTURED:
            self._captured.append(fields.get("delivery"))
        elif message == RULE_FAILED:
            self._note_failure(fields)
        if message != SUCCEEDED or fields.get("delivery") not in self._captured:
            yield _LINES[message](fields)
        if message == EVALUATED and (failed := self._failed.pop(fields.get("event"), None)):
            yield f"          no result, which is no match: {_some(failed)}"

    def _print(self, line: str) -> None:
        if line:
            self._echo(one_printable_line(line))

    def _note_failure(self, fields: Mapping[str, Any]) -> None:
        if len(self._failed) >= _EVENTS_KNOWN:  # of events that went to quarantine
            self._failed.clear()
        failed = self._failed.setdefault(fields.get("event"), [])
        failed.append(f"{fields.get('rule')} ({fields.get('reason')})")


def show_activity(echo: Callable[[str], None]) -> None:
    """Print what happens, in place of the log."""
    logging.basicConfig(level=logging.WARNING, handlers=[ActivityHandler(echo)], force=True)
    for name, level in _LEVELS.items():
        logging.getLogger(name).setLevel(level)


def _at(path: object) -> str:
    return f" at {path}" if path else ""


def _short(value: object) -> object:
    return value[:_SHOWN] if isinstance(value, str) else value
