"""``router backtest`` as a user runs it."""

from pathlib import Path

import msgspec
from click.testing import CliRunner, Result

from router.cli import main

SHIPPED = Path(__file__).parents[2] / "rules"


def router(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_a_recording_is_evaluated(tmp_path: Path, sample: bytes) -> None:
    recording = tmp_path / "events.jsonl"
    event = msgspec.json.decode(sample)
    recording.write_bytes(msgspec.json.encode(event) + b"\n")
    result = router("backtest", recording, "--rules", SHIPPED)
    assert result.exit_code == 0
    assert "1 event\n1 without a time" in result.output
    tally = msgspec.json.decode(router("backtest", "--json", recording, "--rules", SHIPPED).output)
    assert tally["rules"]["call-quality"]["matches"] == 1


def test_two_folders_are_compared(tmp_path: Path, sample: bytes) -> None:
    recording = tmp_path / "events.jsonl"
    recording.write_bytes(msgspec.json.encode(msgspec.json.decode(sample)))
    result = router("backtest", recording, "--rules", SHIPPED, "--against", SHIPPED)
    assert result.output.endswith("the same alerts go to the same destinations\n")


def test_a_line_without_end_is_cut(tmp_path: Path) -> None:
    recording = tmp_path / "events.jsonl"
    with recording.open("wb") as opened:
        opened.truncate(20 << 20)  # a hole: 20 MiB of NULs, no newline
    result = router("backtest", recording, "--rules", SHIPPED)
    assert "line 1: longer than 8 MiB" in result.output
