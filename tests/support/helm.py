"""The chart in ``deploy/helm``, rendered by Helm itself."""

import contextlib
import json
import select
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from support.helm_path import helm_folder

CHART: Final = Path(__file__).parents[2] / "deploy" / "helm"
EXAMPLES: Final = {
    path.stem: path
    for path in sorted((CHART / "examples").glob("*.yaml"))
    if path.stem != "redis-for-trying"
}
"""The files of values that the chart brings."""
REQUIRED: Final[Mapping[str, Any]] = {
    "redis": {"url": "redis://redis:6379/0"},
    "rules": {"existingConfigMap": "router-rules"},
}
"""The values without which nothing is rendered."""
_SECONDS: Final = 20
_LOADER: Final = yaml.CSafeLoader
"""Ten times as fast as that of Python."""

Object = dict[str, Any]
"""An object of Kubernetes."""


class HelmError(Exception):
    """Raised when Helm rejects values; the message is Helm's."""


class Helm:
    """Helm's library in a process of its own."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._rendered: dict[str, dict[str, str]] = {}

    def render(
        self, values: Mapping[str, Any], *, release: str = "router", namespace: str = "alerts"
    ) -> dict[str, str]:
        """Return each template's text, without the folder. Raise HelmError."""
        key = json.dumps([values, release, namespace])
        if key not in self._rendered:
            found = self._ask("render", values, release=release, namespace=namespace)
            texts = {name.partition("/templates/")[2]: text for name, text in found.items()}
            self._rendered[key] = texts
        return dict(self._rendered[key])

    def objects(
        self, values: Mapping[str, Any], *, release: str = "router", namespace: str = "alerts"
    ) -> list[Object]:
        """Return all objects that an installation makes. Raise HelmError."""
        texts = self.render(values, release=release, namespace=namespace)
        texts.pop("NOTES.txt")
        return [each for text in texts.values() for each in yaml.load_all(text, _LOADER) if each]

    def lint(self, values: Mapping[str, Any]) -> list[str]:
        """Return what ``helm lint --strict`` says; the chart's icon, which is optional, excepted."""
        report = self._ask("lint", values)
        said = [f"{each['path']}: {each['error']}" for each in report["messages"]]
        return [*report["errors"], *(line for line in said if "icon is recommended" not in line)]

    def package(self, to: Path) -> Path:
        """Write the archive of the chart into a folder, and return its path."""
        return Path(self._ask("package", {}, to=str(to)))

    def _ask(self, what: str, values: Mapping[str, Any], **more: str) -> Any:
        request = {"what": what, "chart": str(CHART), "values": values, **more}
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        if not select.select([self._process.stdout], [], [], _SECONDS)[0]:
            raise TimeoutError(f"Helm has not answered within {_SECONDS} s")
        said = json.loads(self._process.stdout.readline())
        if "error" in said:
            raise HelmError(said["error"])
        return said["result"]


@contextlib.contextmanager
def running_helm() -> Iterator[Helm]:
    """Start Helm's library, which must be installed."""
    folder = helm_folder()
    assert folder is not None
    with subprocess.Popen(  # noqa: S603 - our own script
        [sys.executable, str(Path(__file__).with_name("helm_server.py"))],
        env={"PYTHONPATH": str(folder)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        yield Helm(process)
        assert process.stdin is not None
        process.stdin.close()
        process.wait(timeout=_SECONDS)


def example(name: str) -> dict[str, Any]:
    """Return the values of an example."""
    values: dict[str, Any] = yaml.safe_load(EXAMPLES[name].read_bytes())
    return values


def with_values(changes: Mapping[str, Any], base: Mapping[str, Any] = REQUIRED) -> dict[str, Any]:
    """Return values with changes, as ``--set`` makes them: ``{"worker.replicas": 3}``."""
    values: dict[str, Any] = json.loads(json.dumps(base))
    for path, value in changes.items():
        *parents, last = path.split(".")
        node = values
        for parent in parents:
            node = node.setdefault(parent, {})
        node[last] = value
    return values


def of_kind(objects: list[Object], *kinds: str) -> list[Object]:
    """Return the objects of some kinds."""
    return [each for each in objects if each["kind"] in kinds]


def named(objects: list[Object], kind: str, name: str) -> Object:
    """Return the one object of a kind with a name."""
    (found,) = (each for each in of_kind(objects, kind) if each["metadata"]["name"] == name)
    return found


ALL_VALUES: Final = {"required": dict(REQUIRED), **{name: example(name) for name in EXAMPLES}}
"""The least values, and those of each example."""
EACH: Final = [
    name if name in {"required", "all-on"} else pytest.param(name, marks=pytest.mark.deploy)
    for name in ALL_VALUES
]
"""Their names, as parameters of a test: the least and the most are tested in each run of the suite."""
