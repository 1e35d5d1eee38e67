"""The report to systemd, which a socket of the test receives."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from router.runtime.service_manager import notify_ready, watchdog


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


@pytest.mark.parametrize(
    ("environ", "seconds"),
    [
        ({"NOTIFY_SOCKET": "/x", "WATCHDOG_USEC": "60000000"}, 30.0),
        ({"NOTIFY_SOCKET": "/x", "WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "7"}, 30.0),
        ({"NOTIFY_SOCKET": "/x", "WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "8"}, None),
        ({"WATCHDOG_USEC": "60000000"}, None),
        ({"NOTIFY_SOCKET": "/x"}, None),
        ({"NOTIFY_SOCKET": "/x", "WATCHDOG_USEC": "0"}, None),
        ({"NOTIFY_SOCKET": "/x", "WATCHDOG_USEC": "often"}, None),
    ],
)
def test_a_sign_of_life_is_sent_twice_in_the_time_of_the_watchdog(
    environ: dict[str, str], seconds: float | None
) -> None:
    beat = watchdog(environ, 7)

    assert (beat and beat.every_seconds) == seconds


def test_a_sign_of_life_is_a_datagram(tmp_path: Path) -> None:
    beat = watchdog({"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "2000000"}, 7)
    assert beat is not None
    with manager(str(tmp_path / "notify")) as receiver:
        beat.send()
        assert receiver.recv(64) == b"WATCHDOG=1"
    beat.send()  # systemd is away, and the process goes on
