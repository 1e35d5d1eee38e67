"""Links to the form of a new silence, with the matchers of alerts filled in (pure)."""

from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlencode

import msgspec

from router.console.page_links import HOME
from router.journal.keyed_alerts import KeyedAlert

FORM: Final = f"{HOME}/silences/new"
_KEYS_LIMIT: Final = 50
"""Keys that a link has; the addresses of pages are not longer than a request may be."""


def silence_link(alerts: Sequence[KeyedAlert]) -> str:
    """Return the link to a form that silences these alerts, and no others."""
    rules = sorted({each.alert.rule for each in alerts})
    found = [each.key for each in alerts][:_KEYS_LIMIT]
    match: dict[str, Any] = {
        "rule": rules[0] if len(rules) == 1 else rules,
        "key": found[0] if len(found) == 1 else found,
    }
    return f"{FORM}?{urlencode({'match': msgspec.json.encode(match).decode()})}"
