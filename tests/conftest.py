"""What most tests need: a real Redis, a clock that tests set, Twilio's own example event."""

import functools
import gc
import os
import shutil
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from support import least_rights
from support.browser_path import VARIABLE, browser_path
from support.clock import SetClock
from support.deployment_table import DeploymentTable
from support.document_figures import DocumentFigures
from support.fault_rows import FigureRecorder, mark_properties, register
from support.redis_servers import RedisServer

from router.clock import Clock
from router.datatypes import Secret
from router.dev.embedded_redis import EmbeddedRedis, find_server
from router.journal.connection import Connection, connect
from router.outage_log import OUTAGES

# Without bytecode each of the processes that run tests compiles and rewrites all of them again.
sys.dont_write_bytecode = False
# A TLS context reads the machine's authorities in 50 ms of CPU; tests bring their own.
os.environ["SSL_CERT_FILE"] = os.devnull

# A file .env in the repository is for docker compose and the router, not for tests.
os.environ["PYTHON_DOTENV_DISABLED"] = "1"

# How long an example takes is no test's business: the machine may be busy.
settings.register_profile("patient", deadline=None, max_examples=50)
# ``make test-slow`` runs all properties with it.
settings.register_profile("thorough", deadline=None, max_examples=1000)
settings.load_profile("patient")

DATA = Path(__file__).parent / "data"
NO_BROWSER = f"no Chromium was found: run `make browser`, or name one in {VARIABLE}"


SERVER_FOLDERS = frozenset(
    {
        "architecture",
        "cli",
        "client",
        "contracts",
        "deploy",
        "doctor",
        "destinations",
        "dev",
        "end_to_end",
        "faults",
        "http",
        "ingress",
        "runtime",
        "top",
    }
)
"""Folders whose tests start processes or servers of their own."""


def is_fast(config: pytest.Config) -> bool:
    return "not server" in config.option.markexpr


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Two workers for each core, because half of the suite's time is waiting for processes."""
    cores = os.cpu_count() or 1
    return cores if is_fast(config) else min(2 * cores, 16)


@functools.cache
def folder_of(path: Path) -> str:
    return path.relative_to(Path(__file__).parent).parts[0]


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Import no test that the mark expression leaves out with its whole folder."""
    return True if is_fast(config) and folder_of(collection_path) in SERVER_FOLDERS else None


def use_own_temporary_folder(config: pytest.Config) -> None:
    """Give this process and its children a folder for temporary files, and remove it at the end.

    A process that a test kills cannot remove its own files. ``tmp_path`` is elsewhere, and kept.
    """
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", tempfile.gettempdir())
    folder = tempfile.mkdtemp(prefix="router-tests-")  # short, for the paths of sockets
    os.environ["TMPDIR"] = tempfile.tempdir = folder
    config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))


def pytest_configure(config: pytest.Config) -> None:
    register(config)
    is_worker = hasattr(config, "workerinput")
    if is_worker or not config.getoption("numprocesses", None):
        use_own_temporary_folder(config)
    if least_rights.IS_ON:
        least_rights.install()
    config.pluginmanager.register(DocumentFigures())
    # In the controller of pytest-xdist only, to which its workers report.
    if config.option.markexpr.startswith("deploy") and not is_worker:
        config.pluginmanager.register(DeploymentTable())


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Look for no garbage among the tests, which all stay: that takes as long as to collect them."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    mark_properties(items)
    for item in items:
        if least_rights.IS_ON and item.get_closest_marker("default_user"):
            item.add_marker(pytest.mark.skip(reason="needs the default user of Redis"))
        if folder_of(item.path) in SERVER_FOLDERS or "redis_server" in getattr(
            item, "fixturenames", ()
        ):
            item.add_marker("server")
        if folder_of(item.path) == "deploy":
            item.add_marker("deployment")


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedRedis]:
    server = EmbeddedRedis(find_server(""), tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def redis_url(redis_server: EmbeddedRedis) -> Secret:
    """A Redis with nothing in it."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(5)
        connection.connect(str(redis_server.socket))
        for command in (*least_rights.login(), b"FLUSHALL\r\n"):
            connection.sendall(command)
            assert connection.recv(16) == b"+OK\r\n"
    return redis_server.url


@pytest.fixture
async def connection(redis_url: Secret) -> AsyncIterator[Connection]:
    connection = connect(redis_url, deadline=5.0, max_connections=16)
    yield connection
    await connection.close()


@pytest.fixture
def primary(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis of the test's own, with a port."""
    with RedisServer(tmp_path / "primary") as server:
        yield server


@pytest.fixture
def replica(tmp_path: Path, primary: RedisServer) -> Iterator[RedisServer]:
    with RedisServer(tmp_path / "replica") as server:
        server.follow(primary)
        yield server


@pytest.fixture
def every_outage_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave no line about an outage out, also after a test that has set up the log."""
    monkeypatch.setattr(OUTAGES, "filters", [])


@pytest.fixture
def time() -> SetClock:
    return SetClock()


@pytest.fixture
def clock(time: SetClock) -> Clock:
    return time.clock()


@pytest.fixture(scope="session")
def sample() -> bytes:
    """The example of Twilio's documentation for conference-summary.complete, as it stands."""
    return (DATA / "conference-summary-complete.json").read_bytes()


@pytest.fixture(scope="session")
def browser_or_skip() -> str:
    """The path of Chromium. Tests that need it are skipped without one."""
    if not (found := browser_path()):
        pytest.skip(NO_BROWSER)
    return found


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Give all tests without a browser one place, so that the summary has one line for them."""
    report = yield
    if report.skipped and isinstance(report.longrepr, tuple) and NO_BROWSER in report.longrepr[2]:
        report.longrepr = (str(DATA.parent / "console"), None, NO_BROWSER)  # type: ignore[assignment]
    return report


@pytest.fixture
def fault_figures(request: pytest.FixtureRequest) -> FigureRecorder:
    """Record what a test of a row of tests/faults/README.md measured, for the table of all rows."""
    return FigureRecorder(request.node)
