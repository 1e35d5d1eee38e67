"""A file of events is read in batches, and a run resumes at a byte."""

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.client.json_lines import (
    Batch,
    CheckpointFile,
    FileCheckpoint,
    Line,
    batches,
    body_of,
    lines,
    skip_to,
)
from router.errors import ConfigurationError


def in_batches(text: bytes, events: int, size: int = 1 << 20) -> Iterator[Batch]:
    return batches(lines(io.BytesIO(text), FileCheckpoint(), "f"), events=events, size=size)


@given(
    st.lists(st.sampled_from([b"{}", b"  {} ", b"", b" \r"]), max_size=30),
    st.integers(1, 5),
    st.integers(0, 30),
)
def test_reading_from_any_checkpoint_gives_the_rest(
    texts: list[bytes], events: int, stopped_after: int
) -> None:
    text = b"\n".join(texts)
    whole = [line for batch in in_batches(text, events) for line in batch]
    done = whole[:stopped_after]
    checkpoint = (
        FileCheckpoint(line=done[-1].number, offset=done[-1].end) if done else FileCheckpoint()
    )
    file = io.BytesIO(text)
    file.seek(checkpoint.offset)

    assert [*done, *lines(file, checkpoint, "f")] == whole


def test_a_checkpoint_belongs_to_its_file(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"id": 1}\n' * 10)
    CheckpointFile(path).save(FileCheckpoint(line=3, offset=99))
    assert CheckpointFile(path).load().line == 3

    path.write_bytes(b'{"id": 99}\n' + path.read_bytes())
    with pytest.raises(ConfigurationError, match="belongs to another file"):
        CheckpointFile(path).load()

    CheckpointFile(path).remove()
    assert CheckpointFile(path).load().line == 0


def test_lines_without_end_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="f:2: the line is longer"):
        list(lines(io.BytesIO(b"{}\n" + b"x" * (5 << 20)), FileCheckpoint(), "f"))
    assert list(lines(io.BytesIO(b"{}"), FileCheckpoint(), "f")) == [Line(1, 2, b"{}")]


def test_a_checkpoint_that_is_unreadable_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"{}")
    (tmp_path / "a.jsonl.sent").write_bytes(b"{")

    with pytest.raises(ConfigurationError, match=r"a\.jsonl\.sent: unreadable checkpoint"):
        CheckpointFile(path).load()


def test_a_batch_is_bounded_by_bytes_too() -> None:
    text = b"\n".join([b"1" * 10] * 5)

    assert [len(batch) for batch in in_batches(text, 100, size=25)] == [2, 2, 1]


def test_a_byte_order_mark_before_a_line_is_ignored() -> None:
    """Case I18: files that were put together have one in the middle."""
    bom = b"\xef\xbb\xbf"
    (batch,) = in_batches(bom + b"{}\n" + bom + b"[]\n" + bom + b"\n", 10)

    assert body_of(batch) == b"[{},[]]"
    assert [line.end for line in batch] == [6, 12]


def test_the_body_of_a_batch_is_a_json_array() -> None:
    (batch,) = in_batches(b"{}\n\n[]\n", 10)

    assert body_of(batch) == b"[{},[]]"


def test_skipped_lines_count_as_sent() -> None:
    file = io.BytesIO(b"{}\n\n[]\n")

    assert skip_to(file, 3) == FileCheckpoint(line=2, offset=4)
    assert file.read() == b"[]\n"


def test_skipping_over_the_end_is_an_error() -> None:
    with pytest.raises(ConfigurationError, match="--from 5: the last line is 2"):
        skip_to(io.BytesIO(b"{}\n{}\n"), 5)
