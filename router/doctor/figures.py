"""Figures of the report beside those of the console (pure)."""


def milliseconds(seconds: float) -> str:
    """Return a short time: ``0.3 ms``."""
    value = 1000 * seconds
    return f"{value:.1f} ms" if value < 10 else f"{value:.0f} ms"


def share(ratio: float) -> str:
    """Return a share: ``65 %``."""
    return f"{100 * ratio:.0f} %"
