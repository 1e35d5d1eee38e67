"""A running ``router dev`` and the commands beside it."""

import stat
from pathlib import Path

import pytest

from router.dev.file_lock import FileLock
from router.dev.running_dev import RunningDev, RunningDevFile, data_folder

RUNNING = RunningDev(
    pid=1, url="http://127.0.0.1:8080", redis_url="unix:///x", auth_token="a", admin_token="b"
)


def test_it_is_found_while_it_runs(tmp_path: Path) -> None:
    folder = tmp_path / "router" / "dev"
    announced, reader = RunningDevFile(folder), RunningDevFile(folder)
    assert reader.read() is None

    announced.announce(RUNNING)
    assert reader.read() == RUNNING
    assert stat.S_IMODE((folder / "running.json").stat().st_mode) == 0o600

    announced.withdraw()
    assert reader.read() is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": 1}'])
def test_a_damaged_file_says_nothing(text: str, tmp_path: Path) -> None:
    announced = RunningDevFile(tmp_path)
    announced.announce(RUNNING)
    (tmp_path / "running.json").write_text(text)

    assert RunningDevFile(tmp_path).read() is None
    announced.withdraw()


def test_a_lock_is_for_one_and_needed_for_its_descriptor(tmp_path: Path) -> None:
    one, other = FileLock(tmp_path / "lock"), FileLock(tmp_path / "lock")
    assert (one.acquire(), one.acquire(), other.acquire()) == (True, True, False)
    with pytest.raises(RuntimeError, match="not locked"):
        _ = other.descriptor
    one.close()
    assert other.acquire()
    other.close()


def test_data_is_in_the_xdg_state_folder() -> None:
    assert data_folder("", Path("/home/me")) == Path("/home/me/.local/state/router/dev")
    assert data_folder("/state", Path("/home/me")) == Path("/state/router/dev")
