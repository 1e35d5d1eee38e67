"""The report of a backtest, as text."""

from collections.abc import Iterator

from router.configuration.diagnostics import printable
from router.offline.backtest import Change, Comparison, Example, HistoryTally, Tally
from router.quantities import counted


def as_text(tally: Tally) -> str:
    """Return a table of rules, one of destinations, what is still pending, and examples."""
    return "\n".join(
        [
            *_span(tally),
            "",
            *_rules(tally),
            "",
            *_destinations(tally),
            *_pending(tally),
            *_examples(tally),
        ]
    )


def comparison_as_text(comparison: Comparison, here: str, there: str) -> str:
    """Return the report of ``here``, then what differs in ``there``. Both are folders."""
    lines = [as_text(comparison.here), "", f"against {there}:"]
    if not comparison.changes:
        lines.append("  the same alerts go to the same destinations")
    for name, change in sorted(comparison.changes.items()):
        counts = [
            tally.rules[name].alerts if name in tally.rules else 0
            for tally in (comparison.there, comparison.here)
        ]
        lines += ["", f"  {name}: {counted(counts[0], 'alert')} there, {counts[1]} here"]
        lines += _changes(change, here, there)
    return "\n".join(lines)


def _span(tally: Tally) -> Iterator[str]:
    if tally.history is not None:
        yield from _history(tally.history)
    span = f", {tally.first} to {tally.last}" if tally.first else ""
    yield f"{counted(tally.events, 'event')}{span}"
    if tally.repeats:
        yield f"{counted(tally.repeats, 'repeat')} dropped"
    if tally.without_time:
        yield f"{tally.without_time} without a time, placed directly after the previous event"
    if tally.unreadable:
        yield f"{tally.unreadable} unreadable:"
        yield from (f"  {printable(problem)}" for problem in tally.problems)


def _history(history: HistoryTally) -> Iterator[str]:
    yield f"history since {history.wanted_since}: {counted(history.events, 'event')}"
    if not history.begins:
        yield "history is empty: no event was evaluated since it is on, or ROUTER_HISTORY is 0"
    elif history.begins > history.wanted_since:
        yield f"history begins at {history.begins} only"
    if history.masked:
        yield (
            f"{counted(history.masked, 'event')} with masked fields: conditions on them are not judged"
            " as they were (ROUTER_MASKED_FIELDS)"
        )
    if history.cut:
        yield (
            f"{counted(history.cut, 'event')} without the whole body: conditions on what is missing are"
            " errors or false (ROUTER_HISTORY_BODIES)"
        )


def _rules(tally: Tally) -> Iterator[str]:
    width = max([len(name) for name in tally.rules] + [len("rule")])
    yield f"{'rule':{width}}  matches   alerts   errors  suppressed"
    for name, rule in tally.rules.items():
        reasons = sorted(rule.suppressed.items())
        suppressed = ", ".join(f"{count} {reason}" for reason, count in reasons)
        row = f"{name:{width}}  {rule.matches:7}  {rule.alerts:7}  {rule.errors:7}  {suppressed}"
        yield row.rstrip()

    for name, rule in tally.rules.items():
        if rule.overflowed:
            yield f"{name}: its state was full, and had no room for {counted(rule.overflowed, 'event')}"
        elif rule.used_ratio:
            yield f"{name}: its state was {rule.used_ratio:.0%} full"


def _destinations(tally: Tally) -> Iterator[str]:
    width = max([len(name) for name in tally.destinations] + [len("destination")])
    yield f"{'destination':{width}}  deliveries"
    yield from (f"{name:{width}}  {count:10}" for name, count in tally.destinations.items())


def _pending(tally: Tally) -> Iterator[str]:
    if not tally.pending:
        return
    yield ""
    yield "pending when the recording ends, sent if no further event comes:"
    for each in tally.pending:
        due = f"due {each.first_due}"
        if each.last_due != each.first_due:
            due += f" to {each.last_due}"
        names = ", ".join(each.send_to) or "no destination"
        yield f"  {each.rule}: {counted(each.alerts, 'alert')} by {each.feature}, {due} -> {names}"


def _examples(tally: Tally) -> Iterator[str]:
    for name, rule in tally.rules.items():
        if rule.examples:
            yield ""
            yield f"{name}, for example:"
            yield from map(_example, rule.examples)


def _changes(change: Change, here: str, there: str) -> Iterator[str]:
    for count, where, examples in (
        (change.only_here, here, change.examples_here),
        (change.only_there, there, change.examples_there),
    ):
        if count:
            yield f"  {count} by {where} only, for example:"
            yield from (f"  {_example(example)}" for example in examples)


def _example(example: Example) -> str:
    names = ", ".join(example.send_to)
    return f"  {example.at} {printable(example.event_id)} -> {names}: {printable(example.summary)}"
