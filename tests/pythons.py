"""Run the suite on each Python that this machine has: ``python tests/pythons.py [ARGS]``.

ARGS go to pytest. The interpreters are those of the supported versions on PATH and of pyenv. Each has
an environment of its own below ``.venv/pythons``, with what ``constraints/dev.txt`` pins. What fails is run
once more by itself, because a busy machine misses deadlines. Exits with 1 if a run fails.
"""

import os
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
MINORS: Final = range(11, 16)
ENVIRONMENTS: Final = ROOT / ".venv" / "pythons"
PINS: Final = ROOT / "constraints" / "dev.txt"
PIP: Final = ("-m", "pip", "--quiet", "--disable-pip-version-check", "install")
VERSION: Final = "import sys; print('.'.join(map(str, sys.version_info[:3])))"
TOTALS: Final = re.compile(r"(\d+) (passed|failed|skipped|error)")
COLUMNS: Final = ("passed", "failed", "skipped")


def candidates() -> Iterator[Path]:
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    for minor in MINORS:
        yield from sorted(pyenv.glob(f"3.{minor}.*/bin/python"))
        yield from (Path(folder) / f"python3.{minor}" for folder in os.get_exec_path())


def interpreters() -> dict[str, Path]:
    """Version -> interpreter, each version once."""
    found: dict[str, Path] = {}
    for path in candidates():
        if os.access(path, os.X_OK):
            asked = subprocess.run(
                [path, "-c", VERSION], capture_output=True, text=True, check=False
            )
            if asked.returncode == 0:  # one of pyenv's names may lead to no version
                found.setdefault(asked.stdout.strip(), path)
    return found


def environment(version: str, interpreter: Path) -> Path:
    """Return the interpreter of an environment that has what the tests need."""
    folder = ENVIRONMENTS / version
    python, stamp = folder / "bin" / "python", folder / "dev"
    if not stamp.exists() or stamp.stat().st_mtime < PINS.stat().st_mtime:
        for command in (
            (interpreter, "-m", "venv", "--clear", folder),
            (python, *PIP, "--require-hashes", "-r", PINS),
            (python, *PIP, "--no-deps", "--no-build-isolation", "--editable", ROOT),
        ):
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        stamp.touch()
    return python


def run_tests(python: Path, arguments: list[str]) -> tuple[Counter[str], str]:
    """Run pytest; return how many tests had which outcome, and what was printed."""
    cache = f"cache_dir={python.parents[1] / 'pytest-cache'}"
    run = subprocess.run(
        [python, "-m", "pytest", "-q", "-o", cache, *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    last = run.stdout.splitlines()[-1] if run.stdout else ""
    totals = Counter({name: int(count) for count, name in TOTALS.findall(last)})
    totals["failed"] += totals.pop("error", 0)
    if run.returncode not in {0, 1} or not totals["passed"] + totals["failed"]:
        totals["failed"] = max(1, totals["failed"])
    return totals, run.stdout


def passes_on(version: str, interpreter: Path, arguments: list[str]) -> bool:
    """Run the suite and print a row of the table."""
    try:
        python = environment(version, interpreter)
    except subprocess.CalledProcessError as error:
        print(f"{version:<8} not installed: {error}", flush=True)
        return False
    began = time.monotonic()
    totals, output = run_tests(python, arguments)
    if totals["failed"]:
        again, output_of_failed = run_tests(python, ["-n", "0", "--last-failed", *arguments])
        if not again["failed"]:
            totals["passed"] += totals["failed"]
        totals["failed"] = again["failed"]
        if again["failed"]:
            print(output, output_of_failed, sep="\n")
    seconds = time.monotonic() - began
    print(
        f"{version:<8}", *(f"{totals[each]:>8}" for each in COLUMNS), f"{seconds:8.0f}", flush=True
    )
    return not totals["failed"]


def main() -> None:
    arguments = sys.argv[1:] or ["-n", "auto"]
    print(f"{'Python':<8}", *(f"{each:>8}" for each in COLUMNS), f"{'seconds':>8}", flush=True)
    results = [passes_on(*each, arguments) for each in interpreters().items()]
    sys.exit(not all(results))


if __name__ == "__main__":
    main()
