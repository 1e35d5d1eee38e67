"""The results as files: ``latest.json``, ``latest.md``, and plots where matplotlib is installed."""

import json
import sys
from collections.abc import Sequence
from typing import Any

import msgspec

from bench.outcome import RESULTS, Row


def write(
    rows: Sequence[Row],
    *,
    machine: dict[str, str],
    versions: dict[str, str],
    seconds: float,
    settings: dict[str, str],
) -> None:
    """Write all files and print the table."""
    RESULTS.mkdir(exist_ok=True)
    result: dict[str, Any] = {
        "rows": [_as_json(row) for row in rows],
        "machine": machine,
        "versions": versions,
        "settings": settings,
        "seconds": round(seconds, 1),
    }
    (RESULTS / "latest.json").write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n")
    table = markdown(rows, machine, versions, seconds)
    (RESULTS / "latest.md").write_text(table)
    print(table)
    try:
        from bench import plots
    except ImportError:
        print("plots: skipped, matplotlib is not installed", file=sys.stderr)
    else:
        plots.write(rows)


def _as_json(row: Row) -> dict[str, Any]:
    decoded: dict[str, Any] = msgspec.to_builtins(row)
    return {"value": None, "target": None, "met": None, "spread": None, **decoded}


def line(row: Row) -> str:
    """One row for the terminal."""
    name = f"{row.id} {row.case}".strip()
    if row.skipped:
        return f"  {name}: skipped, {row.skipped}"
    target = f" (target {row.direction} {row.target:g}: {_met(row)})" if row.direction else ""
    figures = ", ".join(f"{name} {value:g}" for name, value in row.figures.items())
    return f"  {name}: {row.value:g} {row.unit}{target}  [{figures}]"


def markdown(
    rows: Sequence[Row], machine: dict[str, str], versions: dict[str, str], seconds: float
) -> str:
    """The table, with what it was measured on."""
    lines = [
        "| row | what | value | least to greatest | target | met |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        what = row.what + (f" ({row.case})" if row.case else "")
        if row.skipped:
            lines.append(f"| {row.id} | {what} | skipped: {row.skipped} | | | |")
            continue
        spread = " to ".join(f"{each:g}" for each in row.spread or ())
        target = f"{row.direction} {row.target:g}" if row.direction else ""
        value = f"{row.value:g} {row.unit}".strip()
        lines.append(f"| {row.id} | {what} | {value} | {spread} | {target} | {_met(row)} |")
        if row.figures:
            figures = ", ".join(f"{name} {value:g}" for name, value in row.figures.items())
            lines.append(f"| | {figures} | | | | |")
    about = ", ".join(f"{name} {value}" for name, value in machine.items())
    with_ = ", ".join(f"{name} {value or 'not installed'}" for name, value in versions.items())
    return "\n".join([*lines, "", f"Measured on {about}, in {seconds:.0f} s, with {with_}.", ""])


def _met(row: Row) -> str:
    return {True: "yes", False: "**no**", None: ""}[row.met]
