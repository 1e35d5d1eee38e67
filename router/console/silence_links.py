"""Links to the form of a new silence, with the matchers of alerts filled in (pure)."""

from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlencode

from router.api.silence_matchers import matcher_texts
from router.console.page_links import HOME
from router.journal.keyed_alerts import KeyedAlert

FORM: Final = f"{HOME}/silences/new"
_KEYS_LIMIT: Final = 50
"""Keys that a link has; the addresses of pages are not longer than a request may be."""


def silence_link(alerts: Sequence[KeyedAlert]) -> str:
    """Return the link to a form that silences these alerts, and no others."""
    rules = sorted({each.alert.rule for each in alerts})
    match = {"rule": _one_or_all(rules), "key": _one_or_all([each.key for each in alerts])}
    return f"{FORM}?{urlencode([('matcher', text) for text in matcher_texts(match)])}"


def _one_or_all(texts: Sequence[str]) -> Any:
    return texts[0] if len(texts) == 1 else list(texts[:_KEYS_LIMIT])
