"""The topics that all pages share."""

from collections.abc import Mapping

from router.api.access import Role
from router.console.frame_figures import FrameFigures, FrameReader
from router.console.live_hub import Topic
from router.console.pages import state_html

STATE: str = "state"


def state_topic(figures: FrameReader) -> Topic:
    """Return the topic of the frame: the overall state, and the counts of the navigation."""

    def show(found: FrameFigures, _role: Role) -> Mapping[str, str | int]:
        counts = {f"count {path}": count.amount for path, count in found.counts.items()}
        return {"frame-state": state_html(found), **counts}

    return Topic(name=STATE, read=figures.read, show=show)
