"""Figures as a reader of a terminal wants them (pure)."""

from typing import Final

_UNITS: Final = ("B", "KiB", "MiB", "GiB", "TiB")
_DAY: Final = 86_400


def size(size_bytes: float) -> str:
    """Return a size in the largest unit of which there is one: ``1.5 MiB``."""
    for unit in _UNITS[:-1]:
        if size_bytes < 1024:
            return f"{size_bytes:.0f} {unit}" if size_bytes >= 10 else f"{size_bytes:.2g} {unit}"
        size_bytes /= 1024
    return f"{size_bytes:.1f} {_UNITS[-1]}"


def milliseconds(seconds: float) -> str:
    """Return a short time: ``0.3 ms``."""
    value = 1000 * seconds
    return f"{value:.1f} ms" if value < 10 else f"{value:.0f} ms"


def span(seconds: float) -> str:
    """Return a time in its largest unit: ``45 s``, ``3 min``, ``12 h``, ``30 days``."""
    if seconds < 60:
        return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"
    if seconds < 3600:
        return f"{seconds // 60:.0f} min"
    if seconds < 2 * _DAY:
        return f"{seconds // 3600:.0f} h"
    return f"{seconds // _DAY:.0f} days"


def share(ratio: float) -> str:
    """Return a share: ``65 %``."""
    return f"{100 * ratio:.0f} %"
