"""The main job with redis-py 8, which arq's metadata forbids (docs/decisions/0065)."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
FOLDER: Final = Path(sys.prefix) / "redis-py-8"
VERSION_AND_PROBLEMS: Final = """
import redis
from router.journal import arq_adapter, redis_adapter
print(redis.__version__, redis_adapter.missing_names(), arq_adapter.problems(arq_adapter.ARQ))
"""
TESTS: Final = (
    "tests/end_to_end/test_main_job.py::test_each_receiver_has_it_once",
    "tests/journal/test_connection.py::test_a_use_that_is_cut_off_at_any_moment_leaves_no_connection_behind",
    "tests/journal/test_store_errors.py",
)

pytestmark = [
    pytest.mark.skipif(not FOLDER.is_dir(), reason="redis-py 8 was not found: run `make redis-py`"),
]


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - ours
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(FOLDER)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_no_adapter_lacks_a_name() -> None:
    run = python("-W", "error", "-c", VERSION_AND_PROBLEMS)

    assert run.stdout.startswith("8."), run.stderr
    assert run.stdout.endswith(" [] []\n")


def test_the_main_job_is_done_over_connections_that_are_given_back() -> None:
    # A process of its own takes seconds; the whole suite is `make test-redis-py`.
    run = python("-m", "pytest", "-q", "-n", "0", *TESTS)

    assert run.returncode == 0, run.stdout
