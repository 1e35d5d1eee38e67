"""``python -m bench [--short] [ROW ...]``: measure, print, and write ``bench/results``."""

import argparse
import importlib
import signal
import sys
import time
from typing import Final

from bench import outcome, writing
from bench.outcome import Row
from bench.peers import alertmanager, node_red

ROWS: Final = {
    "rules": ("T10",),
    "ingress": ("T1", "T2", "T3", "T4", "T11"),
    "sources": ("sources",),
    "latency": ("T5",),
    "deliveries": ("T6", "T7"),
    "cost": ("T8",),
    "idle": ("T9",),
    "sustained": ("T12",),
    "claims": ("T13",),
    "redis_cost": ("redis",),
    "scale": ("scale",),
    "open_alerts": ("open-alerts",),
    "history": ("history",),
    "tracing": ("tracing",),
    "consoles": ("consoles",),
    "shapes": ("fan-out", "bulkhead", "evaluate", "measured", "backlog"),
}
"""The modules in their order, and the ids of their rows."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="ROW", help="modules or ids; all without")
    parser.add_argument("--short", action="store_true", help="fewer and shorter rounds")
    arguments = parser.parse_args()
    chosen = [
        module
        for module, ids in ROWS.items()
        if not arguments.names or {module, *ids} & set(arguments.names)
    ]
    # Whoever ends the benchmark ends what it has started, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    began = time.monotonic()
    rows: list[Row] = []
    for module in chosen:
        print(f"· {module}", file=sys.stderr, flush=True)
        rows += _measure(module, short=arguments.short)
    rows.sort(key=lambda row: _order(row.id))
    peers = {"alertmanager": alertmanager.version(), "node-red": node_red.version()}
    writing.write(
        rows,
        machine=outcome.machine(),
        versions=outcome.versions({**peers, "redis server": outcome.redis_version()}),
        seconds=time.monotonic() - began,
        settings={"short": str(arguments.short).lower(), "modules": " ".join(chosen)},
    )
    return 0


def _measure(module: str, *, short: bool) -> list[Row]:
    """The rows of a module; a row that fails is told as such and stops none of the others."""
    rows: list[Row] = []
    try:
        for row in importlib.import_module(f"bench.rows.{module}").rows(short=short):
            print(writing.line(row), file=sys.stderr, flush=True)
            rows.append(row)
    except Exception as error:  # noqa: BLE001 - the other rows are worth having
        print(f"  {module} FAILED: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
        done = {row.id for row in rows}
        rows += [
            outcome.skipped(id_, module, f"failed: {type(error).__name__}: {error}")
            for id_ in ROWS[module]
            if id_ not in done
        ]
    return rows


def _order(row_id: str) -> tuple[bool, int, str]:
    is_named = not row_id[1:].isdigit()
    return is_named, 0 if is_named else int(row_id[1:]), row_id


if __name__ == "__main__":
    sys.exit(main())
