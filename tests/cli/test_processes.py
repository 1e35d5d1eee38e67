"""The environment of the processes behind one port."""

from pathlib import Path

import pytest

from router.cli.processes import child_environ
from router.runtime.service_manager import NOTIFY_SOCKET
from router.settings.env_file import load_env_file


def test_a_child_has_the_settings_of_its_parent_and_reads_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its parent may have been given another file than the one in the working folder."""
    monkeypatch.chdir(tmp_path)
    Path(".env").write_text("ROUTER_EVENTS_OPEN=all\n")
    environ = child_environ({"ROUTER_PORT": "1", NOTIFY_SOCKET: "/run/notify"})

    load_env_file(None, environ)

    assert environ["ROUTER_PORT"] == "1"
    assert "ROUTER_EVENTS_OPEN" not in environ
    assert NOTIFY_SOCKET not in environ
