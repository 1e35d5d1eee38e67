"""The sentences of the overview (pure)."""

import math
from typing import Final

from router.console.overall_state import Attention, OverallState, Situation
from router.console.overview_figures import MINUTES, OverviewFigures
from router.console.page_links import PAGES, section_of
from router.ingress.admission import HIGH_WATERMARK
from router.quantities import counted, duration

_MINUTE: Final = 60
_NEARLY_FULL: Final = 0.7


def headline(state: OverallState) -> str:
    """Return the judgement as a sentence."""
    return f"{state.sentence[:1].upper()}{state.sentence[1:]}."


def activity(figures: OverviewFigures, situation: Situation) -> str:
    """Return what happened lately, and how long things wait, as a sentence."""
    events = counted(figures.received_lately, "event")
    alerts = counted(figures.notified_lately, "alert")
    waits = _waits(situation.oldest_seconds)
    return f"{events} in the last {MINUTES} minutes, {alerts} notified, {waits}."


def _waits(seconds: float) -> str:
    if not seconds:
        return "nothing waits"
    whole = math.ceil(seconds)
    if whole < _MINUTE:
        return f"nothing waits longer than {whole} s"
    return f"the oldest delivery has been due for {duration(whole)}"


def link_text(state: OverallState) -> str:
    """Return the text of the link to the page on which to act."""
    titles = [each.title for each in PAGES if each.path == section_of(state.path)]
    return f"See {titles[0].lower()}" if titles else "See more"


def memory_text(figures: OverviewFigures) -> tuple[str, str]:
    """Return the share of Redis's memory in use and its level; ``""`` if it has no limit."""
    ratio = figures.stats.now.redis_memory_used_ratio
    if not figures.stats.now.redis_memory_limit_bytes:
        return "", ""
    level = (
        Attention.CRITICAL
        if ratio > HIGH_WATERMARK
        else Attention.WARNING
        if ratio > _NEARLY_FULL
        else ""
    )
    return f"{ratio:.0%}".replace("%", " %"), level
