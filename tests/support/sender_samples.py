"""The requests that senders publish, in ``tests/data/senders``: a file for each.

The first line of a file is method and path, the next ones are headers, and below an empty line is
the body. The file beside it with the same name and ``.json`` has the events that it becomes.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec
import yaml

FOLDER: Final = Path(__file__).parents[1] / "data" / "senders"
RECEIVED_AT: Final = 1_796_091_070.0
"""The time at which the requests come, 2026-12-01T02:11:10Z: that of Prometheus's samples."""


class SenderSample(msgspec.Struct, frozen=True, kw_only=True):
    """A request as a sender publishes it."""

    preset: str
    name: str
    origin: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return f"{self.preset}/{self.name}"


def _read(file: Path, origin: str) -> SenderSample:
    head, _, body = file.read_bytes().partition(b"\n\n")
    first, *lines = head.decode().splitlines()
    return SenderSample(
        preset=file.parent.name,
        name=file.stem,
        origin=origin,
        path=first.split()[1],
        headers=dict(line.split(": ", 1) for line in lines),
        body=body.removesuffix(b"\n"),
    )


def origins() -> dict[str, dict[str, str]]:
    """Return where each sample is from, by preset and name."""
    read: dict[str, dict[str, str]] = yaml.safe_load((FOLDER / "senders.yaml").read_text("utf-8"))
    return read


SAMPLES: Final = [
    _read(FOLDER / preset / f"{name}.http", origin)
    for preset, names in origins().items()
    for name, origin in names.items()
]
