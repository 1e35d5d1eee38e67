"""A lock that ends with its process."""

from pathlib import Path

import pytest

from router.dev.file_lock import FileLock, is_locked


def test_a_lock_is_for_one_and_needed_for_its_descriptor(tmp_path: Path) -> None:
    one, other = FileLock(tmp_path / "lock"), FileLock(tmp_path / "lock")
    assert (one.acquire(), one.acquire(), other.acquire()) == (True, True, False)
    with pytest.raises(RuntimeError, match="not locked"):
        _ = other.descriptor
    one.close()
    assert other.acquire()
    other.close()


def test_a_lock_follows_its_file_and_is_seen_without_taking_it(tmp_path: Path) -> None:
    lock = FileLock(tmp_path / "lock")
    assert not is_locked(tmp_path / "lock")
    lock.acquire()
    (tmp_path / "lock").rename(tmp_path / "other")
    assert (is_locked(tmp_path / "other"), is_locked(tmp_path / "lock")) == (True, False)
    lock.close()
    assert not is_locked(tmp_path / "other")
