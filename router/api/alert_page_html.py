"""The page of an alert as HTML (pure): all texts are escaped here, and there is no script."""

import base64
import hashlib
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from html import escape
from typing import Final

import msgspec

from router.alerts import AlertStatus
from router.api.alert_actions import UNNAMED
from router.api.alert_views import AlertDetails, AlertView, ChangeView, ToldView, detail_text
from router.api.signed_links import LinkToken, Scope
from router.journal.acknowledgements import Acknowledgement
from router.journal.shown_alerts import AlertState
from router.rules.state.keyed_alert import RESOLVED

NAME_LIMIT: Final = 80
"""Characters of a reader's name."""
SILENCE_SECONDS: Final = {"1h": 3600.0, "8h": 8 * 3600.0, "24h": 24 * 3600.0}
"""Choices of the form: for how many seconds to silence."""
UNACKNOWLEDGE: Final = "unacknowledge"
RESOLVE: Final = "resolve"
SILENCE_UNTIL_RESOLVED: Final = "until-resolved"

_STYLE: Final = (
    ":root{color-scheme:light dark;--text:#1f2937;--soft:#5b6472;--line:#e5e7eb;--back:#fff;"
    "--box:#f8fafc;--button:#2563eb;--firing:#b91c1c;--resolved:#15803d;--other:#6d28d9}"
    "@media(prefers-color-scheme:dark){:root{--text:#e5e7eb;--soft:#a3adbb;--line:#374151;"
    "--back:#111827;--box:#1f2937;--button:#2563eb;--firing:#fca5a5;--resolved:#86efac;"
    "--other:#c4b5fd}}"
    "body{font:16px/1.5 system-ui,sans-serif;max-width:42rem;margin:2rem auto;padding:0 1rem;"
    "color:var(--text);background:var(--back);overflow-wrap:anywhere}"
    "h1{font-size:1.3rem;line-height:1.3}h2{font-size:1rem;margin:1.5rem 0 .3rem}"
    "p{margin:.4rem 0}.firing{color:var(--firing)}.resolved{color:var(--resolved)}"
    ".other{color:var(--other)}.state{font-weight:600}"
    "dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1rem;margin:.8rem 0}"
    "dt,small,th{color:var(--soft);font-size:.85rem}dt{line-height:1.75}dd{margin:0}"
    "table{border-collapse:collapse;width:100%;font-size:.9rem}"
    "th,td{text-align:left;padding:.3rem .8rem .3rem 0;border-top:1px solid var(--line);"
    "vertical-align:top}td{overflow-wrap:break-word}th{font-weight:400;border:0;overflow-wrap:normal}"
    "form{background:var(--box);border:1px solid var(--line);border-radius:.5rem;padding:1rem;"
    "margin:1rem 0}label{display:block;margin:0 0 .2rem}input{font:inherit;padding:.4rem;"
    "width:100%;box-sizing:border-box;color:inherit;background:var(--back);"
    "border:1px solid var(--soft);border-radius:.3rem}button{font:inherit;margin:.8rem .5rem 0 0;"
    "padding:.5rem 1rem;border:1px solid var(--button);border-radius:.3rem;"
    "background:var(--button);color:#fff;cursor:pointer}"
    "button.second{background:none;color:inherit;border-color:var(--soft)}"
    "@media(max-width:30rem){dl{grid-template-columns:1fr;gap:0}dd{margin-bottom:.4rem}"
    "button{width:100%;margin-right:0}}"
)
_STYLE_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
HEADERS: Final = {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action 'self';"
        " base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
    # The URL authorizes, so it must not reach another site.
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
}


class KnownAlert(msgspec.Struct, frozen=True):
    """The alert of a link, as far as it is known."""

    shown: AlertState | None = None
    """As a message showed it."""
    acknowledgement: Acknowledgement | None = None
    """The last one of its key."""
    details: AlertDetails | None = None
    """None unless it is a keyed alert."""

    @property
    def is_over(self) -> bool:
        """Whether it is known to be resolved."""
        return self.details is not None and self.details.alert.status == RESOLVED

    @property
    def is_acknowledged(self) -> bool:
        """Whether an operator takes care of it."""
        if self.details is not None:
            return self.details.alert.acknowledged is not None
        found = self.acknowledgement
        return found is not None and (self.shown is None or found.at >= self.shown.since)


def page_html(content: str) -> str:
    """Return a page with this HTML as its content."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Event router</title><style>{_STYLE}</style></head><body>{content}</body></html>"
    )


def alert_html(token: LinkToken, known: KnownAlert, form: str = "") -> str:
    """Return an alert: what a message said, its state, its history, and who takes care of it.

    Args:
        token: The link.
        known: The alert.
        form: HTML that follows the state.
    """
    parts = (
        _shown(token, known, form) if known.details is None else _keyed(token, known.details, form)
    )
    return "".join(parts)


def form_html(scope: Scope, name: str, known: KnownAlert) -> str:
    """Return the form with what a link allows and the alert's state makes sense of; ``""`` for none.

    Args:
        scope: What the link allows.
        name: The reader's name, as far as it is known.
        known: The alert.
    """
    buttons = list(_buttons(scope, known))
    if not buttons:
        return ""
    first, *others = (
        f'<button name="do" value="{value}"{{}}>{label}</button>' for value, label in buttons
    )
    return (
        '<form method="post"><label for="name">Your name <small>(optional)</small></label>'
        f'<input id="name" name="name" maxlength="{NAME_LIMIT}" autocomplete="name"'
        f' value="{escape(name)}">'
        f"{first.format('')}{''.join(other.format(' class=second') for other in others)}</form>"
    )


def _buttons(scope: Scope, known: KnownAlert) -> Iterator[tuple[str, str]]:
    """Yield the value and the label of each button."""
    if scope is Scope.SHOW:
        return
    if not known.is_over:
        label = "Acknowledge in my name" if known.is_acknowledged else "Acknowledge"
        yield Scope.ACKNOWLEDGE.value, label
        if known.is_acknowledged:
            yield UNACKNOWLEDGE, "Withdraw acknowledgement"
    if scope is Scope.SILENCE:
        for text in SILENCE_SECONDS:
            yield text, f"Silence for {text}"
        if known.details is not None and not known.is_over:
            yield SILENCE_UNTIL_RESOLVED, "Silence until resolved"
            yield RESOLVE, "Resolve"


def _keyed(token: LinkToken, details: AlertDetails, form: str) -> Iterator[str]:
    view = details.alert
    yield f"<h1>{escape(view.summary)}</h1>"
    yield from (f'<p class="state {kind}">{escape(line)}</p>' for kind, line in _states(view))
    if view.held_back:
        notifications = "notification was" if view.held_back == 1 else "notifications were"
        yield f"<p>{view.held_back} {notifications} suppressed since the last one.</p>"
    if details.resolving_at:
        yield f"<p>Resolved at {_minute(details.resolving_at)}, unless another event comes.</p>"
    if details.description:
        yield f"<p>{escape(details.description)}</p>"
    yield form
    facts = [(fact.label, fact.value) for fact in details.facts]
    reminders = [("Reminders", str(details.reminders))] if details.reminders else []
    yield _list([*facts, ("Events", str(view.count)), *reminders])
    yield "<h2>Told</h2>"
    if not details.told:
        yield f"<p>No destination{'' if view.status == RESOLVED else ' yet'}.</p>"
    else:
        yield _table(("Destination", "Decided", "Received"), map(_told_row, details.told))
    if details.log:
        yield "<h2>History</h2>"
        yield _table(("Time", "Change", ""), map(_change_row, details.log))
    yield _key(token)


def _states(view: AlertView) -> Iterator[tuple[str, str]]:
    """Yield the class and the text of each line about the state."""
    if view.status == RESOLVED:
        reason = ": no further event came" if view.expired else ""
        yield RESOLVED, f"Resolved since {_minute(view.resolved_at)}{reason}."
        if view.since:
            yield "other", f"It fired from {_minute(view.since)}."
    else:
        yield view.status, f"{view.status.capitalize()} since {_minute(view.since)}."
    if view.suppressed is not None:
        until = f" until {_minute(view.suppressed.until)}" if view.suppressed.until else ""
        dropped = ", and not told afterwards" if view.suppressed.dropped else ""
        yield "other", f"Suppressed: {view.suppressed.reason}{until}{dropped}."
    if view.acknowledged is not None:
        at = _minute(view.acknowledged.at)
        yield "other", f"Acknowledged{_by(view.acknowledged.by)} at {at}."


def _shown(token: LinkToken, known: KnownAlert, form: str) -> Iterator[str]:
    """Yield an alert of which only a message is known, or nothing but its link."""
    shown = known.shown
    summary = f"Alert of the rule {token.rule}" if shown is None else shown.shown.summary
    yield f"<h1>{escape(summary)}</h1>"
    if shown is not None:
        is_resolved = shown.status is AlertStatus.RESOLVED
        kind, word = ("resolved", "Resolved") if is_resolved else ("firing", "Firing")
        yield f'<p class="state {kind}">{word} since {_utc(shown.since)}.</p>'
    if known.acknowledgement is not None:
        by, at = _by(known.acknowledgement.by), _utc(known.acknowledgement.at)
        text = f"Acknowledged{by} at {at}."
        if not known.is_acknowledged:
            text = f"An earlier alert of this key was acknowledged{by} at {at}."
        yield f'<p class="state other">{escape(text)}</p>'
    if shown is not None and shown.shown.alert.description:
        yield f"<p>{escape(shown.shown.alert.description)}</p>"
    yield form
    if shown is None:
        yield _list([("Rule", token.rule), ("Raised", _utc(token.raised_at))])
    else:
        yield _list([*shown.shown.facts, ("Raised", _utc(shown.shown.alert.raised_at))])
    yield _key(token)


def _told_row(told: ToldView) -> tuple[str, ...]:
    decided = f"{told.status}, {_minute(told.at)}" if told.status else ""
    received = f"{told.received}, {_minute(told.received_at)}" if told.received else "not yet"
    return told.destination, decided, received


def _change_row(entry: ChangeView) -> tuple[str, ...]:
    return f"{entry.at[:10]} {entry.at[11:19]} UTC", entry.change, detail_text(entry)


def _table(headings: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    head = "".join(f"<th>{heading}</th>" for heading in headings)
    body = "".join(
        f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows
    )
    return f"<table><tr>{head}</tr>{body}</table>"


def _list(entries: Iterable[tuple[str, str]]) -> str:
    found = "".join(f"<dt>{escape(label)}</dt><dd>{escape(text)}</dd>" for label, text in entries)
    return f"<dl>{found}</dl>"


def _key(token: LinkToken) -> str:
    return f"<p><small>{escape(token.key)}</small></p>"


def _by(name: str) -> str:
    return "" if name == UNNAMED else f" by {name}"


def _minute(time: str) -> str:
    """Return an RFC 3339 time in UTC to the minute."""
    return f"{time[:10]} {time[11:16]} UTC"


def _utc(unix_time: float) -> str:
    return datetime.fromtimestamp(unix_time, UTC).strftime("%Y-%m-%d %H:%M UTC")
