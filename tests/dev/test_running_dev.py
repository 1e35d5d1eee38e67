"""A running ``router dev`` and the commands beside it."""

import stat
from pathlib import Path

import msgspec
import pytest

from router.dev.dev_store import DevStore
from router.dev.running_dev import Announcement, RunningDev, find_all_running, find_running

RUNNING = RunningDev(
    pid=1,
    url="http://127.0.0.1:8080",
    redis_url="unix:///x",
    auth_token="a",
    admin_token="b",
    rules="/rules",
)


@pytest.fixture
def store(tmp_path: Path) -> DevStore:
    return DevStore(tmp_path / "stores", tmp_path / "rules")


def test_it_is_found_while_it_runs(store: DevStore) -> None:
    announced = Announcement(store)
    assert find_running(store) is None

    announced.publish(RUNNING)
    assert find_running(store) == RUNNING
    (file,) = store.folder.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600

    announced.withdraw()
    assert find_running(store) is None
    assert not list(store.folder.iterdir())


def test_it_is_found_for_its_rules_folder_alone(tmp_path: Path, store: DevStore) -> None:
    """Case O9."""
    other = DevStore(tmp_path / "stores", tmp_path / "others")
    announced = Announcement(store)
    announced.publish(RUNNING)

    assert find_running(other) is None
    assert find_all_running(tmp_path / "stores") == [RUNNING]
    announced.withdraw()


def test_of_two_the_one_that_is_left_is_found(store: DevStore) -> None:
    """With --data, two may run with one rules folder."""
    first, second = Announcement(store), Announcement(store)
    first.publish(RUNNING)
    later = msgspec.structs.replace(RUNNING, pid=2)
    second.publish(later)
    assert find_running(store) == later

    second.withdraw()
    assert find_running(store) == RUNNING
    first.withdraw()


def test_one_that_was_killed_is_not_found_and_its_file_goes(store: DevStore) -> None:
    """Case O10."""
    left = store.folder / "running.7.json"
    store.folder.mkdir(parents=True)
    left.write_bytes(msgspec.json.encode(RUNNING))
    assert find_running(store) is None

    announced = Announcement(store)
    announced.publish(RUNNING)
    assert not left.exists()
    announced.withdraw()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": 1}'])
def test_a_damaged_file_says_nothing(text: str, store: DevStore) -> None:
    announced = Announcement(store)
    announced.publish(RUNNING)
    (store.folder / "running.1.json").write_text(text)

    assert find_running(store) is None
    announced.withdraw()
