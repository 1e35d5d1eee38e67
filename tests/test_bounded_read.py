"""Files that may be pipes or devices: no wait and no read without an end."""

import os
import socket
import threading
from pathlib import Path

import pytest

from router.bounded_read import check_readable, is_regular, open_to_read, read_at_most


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    os.mkfifo(tmp_path / "pipe")
    return tmp_path / "pipe"


def write_later(path: Path, content: bytes) -> threading.Thread:
    writer = threading.Thread(target=path.write_bytes, args=(content,))
    writer.start()
    return writer


def test_a_file_is_read_up_to_one_byte_more_than_the_limit(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x" * 200_000)
    assert len(read_at_most(tmp_path / "a", 200_000)) == 200_000
    assert len(read_at_most(tmp_path / "a", 100)) == 101


def test_a_pipe_is_read_to_its_end(pipe: Path) -> None:
    writer = write_later(pipe, b"x" * 200_000)
    assert len(read_at_most(pipe, 300_000)) == 200_000
    writer.join()


def test_a_pipe_without_a_writer_is_waited_for_with_an_end(pipe: Path) -> None:
    with pytest.raises(TimeoutError, match="nothing writes to it") as raised:
        read_at_most(pipe, 100, patience=0.05)
    assert raised.value.filename == str(pipe)
    with pytest.raises(TimeoutError):
        open_to_read(pipe, patience=0.05)


def test_a_writer_that_does_not_end_is_not_waited_for(pipe: Path) -> None:
    descriptor = os.open(pipe, os.O_RDWR)
    os.write(descriptor, b"A=1\n")
    with pytest.raises(TimeoutError):
        read_at_most(pipe, 100, patience=0.05)
    os.close(descriptor)


def test_a_stream_may_pause_once_it_has_begun(pipe: Path) -> None:
    descriptor = os.open(pipe, os.O_RDWR)
    os.write(descriptor, b"one\n")
    file = open_to_read(pipe, patience=5)
    assert file.readline() == b"one\n"
    threading.Timer(0.05, os.write, (descriptor, b"two\n")).start()
    assert file.readline() == b"two\n"
    file.close()
    os.close(descriptor)


@pytest.mark.parametrize(("path", "size"), [("/dev/null", 0), ("/dev/zero", 101)])
def test_a_device_has_an_end(path: str, size: int) -> None:
    assert len(read_at_most(path, 100)) == size
    open_to_read(path).close()
    with pytest.raises(OSError, match="this is not a file"):
        check_readable(path)


def test_what_cannot_be_read_is_an_error_with_its_path(tmp_path: Path) -> None:
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(tmp_path / "socket"))
    (tmp_path / "circle").symlink_to("circle")
    for name in (".", "none", "socket", "circle"):
        for read in (open_to_read, check_readable, lambda path: read_at_most(path, 1)):
            with pytest.raises(OSError, match=name) as raised:
                read(tmp_path / name)
            assert raised.value.filename in {tmp_path / name, str(tmp_path / name)}
    listening.close()


def test_only_a_regular_file_can_be_read_again(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"")
    with open_to_read(tmp_path / "a") as file:
        assert is_regular(file)
        assert file.name == str(tmp_path / "a") or file.name == tmp_path / "a"
    with open_to_read("/dev/null") as file:
        assert not is_regular(file)
