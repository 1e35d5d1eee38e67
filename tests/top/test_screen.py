"""What a snapshot looks like on screens of several sizes."""

import itertools

import pytest
from support.golden import golden
from support.top_snapshots import BUSY, QUIET

from router.printable import columns_of
from router.top.screen import ScreenSize, View, plain, render
from router.top.terminal import painted


@pytest.mark.parametrize(
    ("name", "view", "screen"),
    [
        ("busy-140x40", View(snapshot=BUSY), ScreenSize(140, 40)),
        ("busy-80x24", View(snapshot=BUSY), ScreenSize(80, 24)),
        ("busy-once-120", View(snapshot=BUSY, is_live=False), ScreenSize(120)),
        ("quiet-80x24", View(snapshot=QUIET), ScreenSize(80, 24)),
        (
            "away-80x24",
            View(snapshot=QUIET, error="ConnectionError: connection refused"),
            ScreenSize(80, 24),
        ),
        ("never-there-80x24", View(error="no answer in time"), ScreenSize(80, 24)),
    ],
)
def test_a_view_looks_as_stored(name: str, view: View, screen: ScreenSize) -> None:
    seen = plain(render(view, screen)) + "\n"

    assert seen == golden(f"top-{name}.txt", seen)


@pytest.mark.parametrize(
    ("columns", "rows"), [*itertools.product((1, 20, 40, 79, 200), (1, 5, 12, 60))]
)
def test_no_screen_is_too_small(columns: int, rows: int) -> None:
    for view in (View(snapshot=BUSY), View(snapshot=QUIET, error="x" * 500)):
        lines = render(view, ScreenSize(columns, rows))

        assert len(lines) <= rows
        assert all(sum(columns_of(piece.text) for piece in line) <= columns for line in lines)


def test_texts_of_events_cannot_control_the_terminal() -> None:
    lines = render(View(snapshot=BUSY), ScreenSize(200))

    text = "".join(painted(line, has_color=False) for line in lines)
    # Bold and reverse are the view's own.
    assert {part.partition("m")[0] for part in text.split("\x1b")[1:]} == {"[1", "[7", "[0"}
    assert r"they move\x1b[2J to another" in text


def test_what_is_not_well_comes_first() -> None:
    text = plain(render(View(snapshot=BUSY), ScreenSize(80, 24)))

    assert text.index("noc-mail  ") < text.index("pager  ") < text.index("hook-1  ")
    assert "… and 222" in plain(render(View(snapshot=BUSY), ScreenSize(80)))
