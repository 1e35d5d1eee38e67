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


def test_the_tolerance_of_clocks_can_be_chosen(tmp_path: Path) -> None:
    """An answer that arrives first and happened ten seconds later."""
    folder, recording = tmp_path / "rules", tmp_path / "events.jsonl"
    folder.mkdir()
    (folder / "a.yaml").write_text(
        "destinations: {noc: {capture: {}}}\n"
        "rules: [{name: r, events: [b], absent: {event: c, for: 5m}, send_to: [noc]}]\n"
    )
    story = (("c", "00:10"), ("b", "00:00"), ("x", "30:00"))
    lines = [
        {
            "specversion": "1.0",
            "id": kind,
            "source": "s",
            "type": kind,
            "time": f"2026-01-01T00:{at}Z",
        }
        for kind, at in story
    ]
    recording.write_bytes(b"\n".join(map(msgspec.json.encode, lines)))

    def alerts(*options: str) -> int:
        result = router("backtest", "--json", recording, "--rules", folder, *options)
        count: int = msgspec.json.decode(result.output)["rules"]["r"]["alerts"]
        return count

    assert (alerts(), alerts("--clock-tolerance", "5s")) == (1, 0)
    wrong = router("backtest", recording, "--rules", folder, "--clock-tolerance", "5")
    assert (wrong.exit_code, "'5' is not a duration" in wrong.output) == (2, True)
