"""The report to systemd, which a socket of the test receives."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from router.runtime.service_manager import notify_ready


@contextmanager
def manager(name: str) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(name)
        receiver.settimeout(5)
        yield receiver


def test_readiness_is_reported_to_a_path(tmp_path: Path) -> None:
    with manager(str(tmp_path / "notify")) as receiver:
        notify_ready(str(tmp_path / "notify"))
        assert receiver.recv(64) == b"READY=1"


@pytest.mark.skipif(not hasattr(socket, "SO_PEERCRED"), reason="abstract names are Linux's")
def test_readiness_is_reported_to_an_abstract_name(tmp_path: Path) -> None:
    with manager(f"\0{tmp_path}") as receiver:
        notify_ready(f"@{tmp_path}")
        assert receiver.recv(64) == b"READY=1"


def test_without_a_service_manager_nothing_is_sent(caplog: pytest.LogCaptureFixture) -> None:
    notify_ready("")
    assert caplog.records == []


@pytest.mark.parametrize("length", [10, 200])
def test_a_service_manager_that_is_away_stops_no_start(
    tmp_path: Path, length: int, caplog: pytest.LogCaptureFixture
) -> None:
    notify_ready(str(tmp_path / ("x" * length)))
    assert [each.message for each in caplog.records] == ["service manager not notified"]
