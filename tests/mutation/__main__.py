"""Run a sample of mutants: ``python -m mutation [--seed N] [--sample N] [FOLDER ...]`` in ``tests/``."""

import argparse
import contextlib
import os
import random
import re
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec

from mutation.mutants import Mutant, mutants_of

ROOT: Final = Path(__file__).parents[2]
FOLDERS: Final = (
    "router/journal",
    "router/worker",
    "router/ingress",
    "router/rules/state",
    "router/tracing",
)
PACKAGE_TESTS: Final = {
    "router/journal": ("tests/journal", "tests/worker/delivery", "tests/worker/evaluation"),
    "router/worker": ("tests/worker",),
    "router/ingress": ("tests/ingress", "tests/runtime"),
    "router/tracing": ("tests/tracing",),
    "router/rules/state": ("tests/rules/state", "tests/worker/evaluation", "tests/journal"),
}
SHARED: Final = {"prelude": ("test_settlements.py", "test_batches.py", "test_job_queue.py")}
_SLOW: Final = frozenset(
    {"faults", "end_to_end", "dev", "cli", "runtime", "architecture", "mutation"}
)
_QUICK: Final = [
    each
    for each in sorted((ROOT / "tests").rglob("test_*.py"))
    if each.relative_to(ROOT / "tests").parts[0] not in _SLOW
]
_SECONDS: Final = 25
"""How long one run of tests may take; longer is as good as a failure."""
_PRELOADED: Final = ("hypothesis", "aiohttp.web", "arq.connections", "yaml", "jinja2", "uvloop")


# Only the plug-ins that the tests need, because loading all of them takes two seconds.
_PLUGINS: Final = (
    "xdist.plugin",
    "xdist.looponfail",
    "pytest_asyncio.plugin",
    "pytest_timeout",
    "_hypothesis_pytestplugin",
)
_PYTEST: Final = (
    *("-q", "-x", "-n", "0", "-p", "no:cacheprovider", "-o", "timeout=6"),
    *("-W", "ignore::pytest.PytestAssertRewriteWarning"),  # of what was imported before the fork
    *(option for plugin in _PLUGINS for option in ("-p", plugin)),
)


def sources(folders: Sequence[str]) -> list[str]:
    """Return the modules and scripts to mutate."""
    found = [
        str(path.relative_to(ROOT))
        for folder in folders
        for pattern in ("*.py", "*.lua")
        for path in sorted((ROOT / folder).rglob(pattern))
        if not path.name.startswith("__")
    ]
    return [path for path in found if not path.startswith("router/rules") or path.endswith(".lua")]


def modules_of(path: str) -> list[Path]:
    """Return the modules that a file belongs to: of a script those that call it."""
    file = ROOT / path
    if file.suffix == ".py":
        return [file]
    called = file.stem if "scripts" in file.parts else "decide"
    journal = (ROOT / "router/journal").glob("*.py")
    return [each for each in journal if f'"{called}"' in each.read_text("utf-8")]


def tests_of(path: str) -> list[str]:
    """Return the tests of a module, and those that import it.

    tests/a/test_b*.py are those of router/a/b.py. They come first, because they find most.
    """
    own: list[Path] = [ROOT / "tests/journal" / name for name in SHARED.get(Path(path).stem, ())]
    importing: list[Path] = []
    for module in modules_of(path):
        folder = ROOT / "tests" / module.parent.relative_to(ROOT / "router")
        own += sorted(folder.glob(f"test_{module.stem}*.py"))
        name = ".".join(module.relative_to(ROOT).with_suffix("").parts)
        importing += [each for each in _QUICK if name in each.read_text("utf-8")]
    if not own + importing:
        own = sorted((ROOT / "tests" / Path(path).parent.relative_to("router")).glob("test_*.py"))
    return [str(each) for each in dict.fromkeys(own + importing)]


def package_tests(path: str) -> list[str]:
    """Return the tests that a mutant must pass besides those of its own module."""
    return [
        str(ROOT / test)
        for package, tests in PACKAGE_TESTS.items()
        if path.startswith(package)
        for test in tests
    ]


class Copy:
    """A copy of the repository, in which one file at a time is changed."""

    def __init__(self, folder: Path) -> None:
        self._root = folder / "copy"
        ignored = shutil.ignore_patterns(".git", ".venv", "__pycache__", ".*_cache", "*.egg-info")
        shutil.copytree(ROOT, self._root, ignore=ignored)

    @contextlib.contextmanager
    def changed(self, mutant: Mutant) -> Iterator[None]:
        """Apply a mutant meanwhile."""
        file = self._root / mutant.path
        source = file.read_bytes()
        file.write_bytes(mutant.apply(source))
        try:
            yield
        finally:
            file.write_bytes(source)

    def passes(self, tests: Sequence[str]) -> bool:
        """Return whether tests of the repository pass in the copy."""
        if not tests:
            return True
        pid = os.fork()
        if pid == 0:
            self._run([str(self._root / Path(test).relative_to(ROOT)) for test in tests])
        return _wait(pid) == 0

    def _run(self, tests: Sequence[str]) -> None:
        """Run tests in this process, which has imported libraries but no module of the router."""
        import pytest

        os.chdir(self._root)
        os.environ["PYTHONPATH"] = str(self._root)
        os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
        sys.path.insert(0, str(self._root))
        output = os.open("pytest.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        for stream in (1, 2):
            os.dup2(output, stream)
        code: int = 1
        try:
            sys.stdout = sys.stderr = os.fdopen(output, "w", buffering=1)
            code = pytest.main([*_PYTEST, *tests])
        except BaseException:  # noqa: BLE001 - the process ends here
            traceback.print_exc()
        finally:
            os._exit(int(code))


def _wait(pid: int) -> int:
    """Return the exit code of a run, 1 if it was ended because it took too long."""
    for after, number in ((_SECONDS, signal.SIGINT), (20, signal.SIGKILL), (20, None)):
        deadline = time.monotonic() + after
        while time.monotonic() < deadline:
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.02)
        if number is not None:
            os.kill(pid, number)
    return 1


class Result(msgspec.Struct):
    mutant: Mutant
    verdict: str
    """``module``, ``package`` (which tests failed) or ``survived``."""
    seconds: float


def test(copy: Copy, mutant: Mutant, *, is_quick: bool) -> Result:
    """Run the tests of a mutant's module, then those of its package."""
    began = time.monotonic()
    verdict = "survived"
    with copy.changed(mutant):
        stages = [("module", tests_of(mutant.path)), ("package", package_tests(mutant.path))]
        for name, tests in stages[:1] if is_quick else stages:
            if not copy.passes(tests):
                verdict = name
                break
    return Result(mutant, verdict, time.monotonic() - began)


def report(results: Sequence[Result]) -> str:
    counts = Counter(result.verdict for result in results)
    killed = len(results) - counts["survived"]
    lines = [str(each.mutant) for each in results if each.verdict == "survived"]
    summary = (
        f"{len(results)} mutants: {killed} killed ({killed / len(results):.1%}),"
        f" {counts['module']} by the tests of their module, {counts['package']} by those of their"
        " package; survivors:"
    )
    return "\n".join([summary, *sorted(lines)])


def main() -> None:
    parser = argparse.ArgumentParser(prog="mutation")
    parser.add_argument("folders", nargs="*", default=list(FOLDERS))
    parser.add_argument("--seed", type=int, default=20_261_129)
    parser.add_argument("--sample", type=int, default=300)
    parser.add_argument("--quick", action="store_true", help="run the tests of the module only")
    parser.add_argument("--part", default="1/1", help="for example 2/3: the second third of them")
    parser.add_argument("--match", default="", help="regular expression that a mutant must match")
    options = parser.parse_args()
    everything = [each for path in sources(options.folders) for each in mutants_of(ROOT, path)]
    everything = [each for each in everything if re.search(options.match, str(each))]
    chosen = random.Random(options.seed).sample(  # noqa: S311 - no secret
        everything, min(options.sample, len(everything))
    )
    part, parts = map(int, options.part.split("/"))
    chosen = chosen[part - 1 :: parts]
    write(f"seed {options.seed}: {len(chosen)} of {len(everything)} mutants")
    for name in _PRELOADED:
        __import__(name)
    results = []
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        copy = Copy(Path(folder))
        for number, mutant in enumerate(chosen, 1):
            result = test(copy, mutant, is_quick=options.quick)
            results.append(result)
            write(f"{number:4} {result.verdict:8} {result.seconds:5.1f} s  {mutant}")
    write(report(results))


def write(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
