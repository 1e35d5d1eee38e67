"""The soak as a command: ``.venv/bin/python -m tests.faults.soak --minutes 60 --output FOLDER``.

Writes ``soak.txt`` (figures), ``soak.json``, ``samples.jsonl`` and ``soak.svg`` to the folder. Exits
with 1 if an event was lost.
"""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.soak import Plan, Report, Soak


async def soak(plan: Plan, output: Path) -> Report:
    """Run a soak and write its figures."""
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        async with Soak(plan, Path(folder)) as running:
            report = await running.run()
            running.write(report, output)
    return report


def main() -> None:
    """Read the arguments, run, print the figures."""
    parser = argparse.ArgumentParser(description="Run the soak of the fault tests.")
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--rate", type=float, default=20.0, help="events per second")
    parser.add_argument("--fault-every", type=float, default=300.0, help="seconds")
    parser.add_argument("--seed", type=int, default=Plan(seconds=0).seed)
    parser.add_argument("--output", type=Path, default=Path("soak"))
    asked = parser.parse_args()
    plan = Plan(
        seconds=asked.minutes * 60,
        rate=asked.rate,
        fault_every=asked.fault_every,
        seed=asked.seed,
    )
    report = asyncio.run(soak(plan, asked.output))
    print(report.text())  # noqa: T201 - a command of its own
    sys.exit(report.lost > 0)


if __name__ == "__main__":
    main()
