"""What a row says, and the files that hold it: JSON, Markdown, plots."""

import importlib.metadata
import os
import platform
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal

import msgspec

from bench.measuring import median
from router.dev.embedded_redis import find_server
from router.errors import ConfigurationError

RESULTS: Final = Path(__file__).parent / "results"
_PACKAGES: Final = (
    *("aiohttp", "arq", "fastapi", "google-re2", "httpx", "msgspec", "pydantic", "redis"),
    *("rule-engine", "uvicorn", "uvloop", "zen-engine"),
)


class Row(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One figure. ``met`` is None where there is no target, or nothing was measured."""

    id: str
    what: str
    """What it is and how it was measured, in a line."""
    case: str = ""
    """Which of several of the same id."""
    value: float | None = None
    unit: str = ""
    target: float | None = None
    direction: Literal["<=", ">=", ""] = ""
    met: bool | None = None
    spread: tuple[float, float] | None = None
    """The least and the greatest of the rounds."""
    figures: dict[str, float] = {}
    """What the value is made of."""
    skipped: str = ""
    """Why there is no value."""


def row(  # noqa: PLR0913 - a row has that many parts
    id: str,  # noqa: A002
    what: str,
    values: Sequence[float],
    *,
    case: str = "",
    unit: str = "",
    at_most: float | None = None,
    at_least: float | None = None,
    figures: dict[str, float] | None = None,
) -> Row:
    """A row of the median of the rounds."""
    value = median(values)
    met, target, direction = None, None, ""
    if at_most is not None:
        met, target, direction = value <= at_most, at_most, "<="
    if at_least is not None:
        met, target, direction = value >= at_least, at_least, ">="
    return Row(
        id=id,
        what=what,
        case=case,
        value=_short(value),
        unit=unit,
        target=target,
        direction=direction,  # type: ignore[arg-type]
        met=met,
        spread=(_short(min(values)), _short(max(values))),
        figures={name: _short(figure) for name, figure in (figures or {}).items()},
    )


def skipped(id: str, what: str, why: str, *, case: str = "") -> Row:  # noqa: A002
    """A row that could not be measured, and why."""
    return Row(id=id, what=what, case=case, skipped=why)


def _short(value: float) -> float:
    return float(f"{value:.4g}")


def machine() -> dict[str, str]:
    cpu = ""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            cpu = line.partition(":")[2].strip()
            break
    total = Path("/proc/meminfo").read_text().split()[1]
    return {
        "cpu": cpu or platform.machine(),
        "cores": str(len(os.sched_getaffinity(0))),
        "memory_gb": f"{int(total) / 1e6:.0f}",
        "system": f"{platform.system()} {platform.release()}",
    }


def versions(servers: dict[str, str]) -> dict[str, str]:
    """Of Python, the packages and the servers that take part."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found | servers


def redis_version() -> str:
    try:
        return first_line(str(find_server(os.environ.get("ROUTER_REDIS_SERVER", ""))), "--version")
    except ConfigurationError:
        return ""


def first_line(*command: str) -> str:
    """What a program says of itself, ``""`` if it is not there."""
    try:
        done = subprocess.run(  # noqa: S603 - programs that the benchmark runs
            command, capture_output=True, text=True, timeout=20, check=False
        )
    except OSError:
        return ""
    return (done.stdout or done.stderr).strip().partition("\n")[0]
