"""Links to Twilio's pages about what an event names: a call, a conference, a message, an error (pure).

A link has nothing of an event but SIDs and an error code, which are checked, so that no event can make it
lead elsewhere. Twilio's console leads from these addresses to its present pages, after a login. Sources:
Splunk On-Call's documentation, "Twilio Integration" (a call); GoAlert's Twilio package (a message);
Twilio, "Error and Warning Dictionary"; public repositories that link to the other pages.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from router.destinations.rendering.event_facts import field_text

_CONSOLE: Final = "https://www.twilio.com/console"
_SENDER: Final = "com.twilio."
"""The beginning of the types of events whose SIDs are Twilio's."""
LINKS_LIMIT: Final = 3
"""Links of one message."""


class _Page(msgspec.Struct, frozen=True):
    label: str
    address: str
    """Each ``{}`` stands for one of the fields."""
    fields: tuple[tuple[tuple[str, ...], ...], ...]
    """The paths at which an event may have a value of the address, for each value."""
    patterns: tuple[re.Pattern[str], ...]
    """The form that each value must have."""


def _page(label: str, address: str, *values: tuple[str, str]) -> _Page:
    fields = tuple(
        tuple(tuple(f"data.{each.strip()}".split(".")) for each in names.split("|"))
        for names, _ in values
    )
    return _Page(
        label, address, fields, tuple(re.compile(pattern, re.ASCII) for _, pattern in values)
    )


def _sid(*prefixes: str) -> str:
    return f"(?:{'|'.join(prefixes)})[0-9a-fA-F]{{32}}"


_RESOURCE: Final = "payload.resource_sid | resource_sid | Payload.resource_sid"
"""The subject of an error log, or of a webhook of the Debugger."""
_PAGES: Final = (
    _page(
        "Call",
        f"{_CONSOLE}/voice/calls/logs/{{}}",
        (f"call_sid | CallSid | sid | {_RESOURCE}", _sid("CA")),
    ),
    _page(
        "Conference",
        f"{_CONSOLE}/voice/conferences/logs/{{}}",
        (f"conference_sid | ConferenceSid | {_RESOURCE}", _sid("CF")),
    ),
    _page(
        "Message",
        f"{_CONSOLE}/sms/logs/{{}}",
        (f"messageSid | MessageSid | {_RESOURCE}", _sid("SM", "MM")),
    ),
    _page(
        "Task",
        f"{_CONSOLE}/taskrouter/workspaces/{{}}/tasks/{{}}",
        ("payload.workspace_sid", _sid("WS")),
        ("payload.task_sid", _sid("WT")),
    ),
    _page("Log entry", f"{_CONSOLE}/runtime/debugger/{{}}", ("sid | Sid", _sid("NO"))),
    _page(
        "Error code",
        "https://www.twilio.com/docs/api/errors/{}",
        (
            "error_code | errorCode | ErrorCode | sdk_edge.error.code | Payload.error_code",
            "[1-9][0-9]{4,5}",
        ),
    ),
)


def twilio_pages(event: Mapping[str, Any], event_type: str) -> list[tuple[str, str]]:
    """Return labels and URLs of Twilio's pages about an event, at most LINKS_LIMIT.

    Args:
        event: The CloudEvent, decoded.
        event_type: Its type.
    """
    if not event_type.startswith(_SENDER):
        return []
    found = ((page.label, _address(event, page)) for page in _PAGES)
    return [(f"{label} in Twilio", address) for label, address in found if address][:LINKS_LIMIT]


def _address(event: Mapping[str, Any], page: _Page) -> str:
    """Return the address of a page; ``""`` unless the event has all that the address needs."""
    values = []
    for paths, pattern in zip(page.fields, page.patterns, strict=True):
        texts = (field_text(event, path) for path in paths)
        value = next((text for text in texts if pattern.fullmatch(text)), None)
        if value is None:
            return ""
        values.append(value)
    return page.address.format(*values)
