"""The table as pictures (SVG): targets at a glance, cost by number of rules, events a request."""

from collections.abc import Sequence

import matplotlib as mpl

mpl.use("svg")
from matplotlib import pyplot as plt

from bench.outcome import RESULTS, Row

_GOOD, _BAD = "#2a7d4f", "#b3402e"


def write(rows: Sequence[Row]) -> None:
    mpl.rcParams["svg.hashsalt"] = "bench"  # the same figures give the same file
    _targets([row for row in rows if row.target and row.value])
    _by_rules(rows)
    _by_events(rows)


def _targets(rows: Sequence[Row]) -> None:
    """How far from its target each row is; beyond 1 is met."""
    if not rows:
        return
    figure, axes = plt.subplots(figsize=(8, 0.32 * len(rows) + 1))
    names = [f"{row.id} {row.case}".strip() for row in rows]
    margins = [
        row.value / row.target if row.direction == ">=" else row.target / max(row.value, 1e-9)  # type: ignore[operator]
        for row in rows
    ]
    axes.barh(names, margins, color=[_GOOD if row.met else _BAD for row in rows])
    axes.axvline(1, color="black", linewidth=1)
    axes.set_xscale("log")
    axes.invert_yaxis()
    axes.set_xlabel("better than its target by (1 = just met)")
    _save(figure, "targets")


def _by_rules(rows: Sequence[Row]) -> None:
    found = next((row for row in rows if row.id == "T10" and row.figures), None)
    if found is None:
        return
    sizes = [name for name in found.figures if name.endswith("rules µs")]
    figure, axes = plt.subplots(figsize=(6, 4))
    axes.plot(
        [int(name.split()[0]) for name in sizes],
        [found.figures[name] for name in sizes],
        marker="o",
        color=_GOOD,
        label="matching",
    )
    axes.axhline(found.figures["decode µs"], color="gray", label="decoding the event")
    axes.set_xscale("log")
    axes.set_ylim(bottom=0)
    axes.set_xlabel("rules")
    axes.set_ylabel("µs of CPU per event")
    axes.legend()
    _save(figure, "rules")


def _by_events(rows: Sequence[Row]) -> None:
    found = [row for row in rows if row.id == "T3" and row.case.endswith("plain") and row.figures]
    if not found:
        return
    figure, axes = plt.subplots(figsize=(6, 4))
    cases = [row.case.split(",")[0] for row in found]
    for place, (name, color) in enumerate(
        (("router", _GOOD), ("tuned", "#8a8a8a"), ("plain", "#c4c4c4"))
    ):
        axes.bar(
            [number + 0.27 * (place - 1) for number in range(len(found))],
            [row.figures.get(f"{name} events/s", 0) for row in found],
            width=0.25,
            color=color,
            label=name,
        )
    axes.set_xticks(range(len(found)), cases)
    axes.set_yscale("log")
    axes.set_ylabel("events accepted per second")
    axes.legend()
    _save(figure, "ingress")


def _save(figure: plt.Figure, name: str) -> None:
    figure.tight_layout()
    figure.savefig(RESULTS / f"{name}.svg", metadata={"Date": None})
    plt.close(figure)
