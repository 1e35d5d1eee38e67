"""Fuzz decoders with atheris: ``python tests/fuzz.py [TARGET…] [--minutes 10]``; all by default.

Run by ``make fuzz`` in an environment of its own. Prints the inputs a second, and exits with 1 if an
input failed; that input is in ``dist/fuzz``. The corpus grows below ``dist/fuzz/TARGET``.
"""

import argparse
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
FOLDER: Final = ROOT / "dist" / "fuzz"
EXECUTIONS: Final = re.compile(r"^#(\d+)", re.MULTILINE)


def fuzz_one(target: str, minutes: float) -> None:
    """Fuzz in this process, which libFuzzer ends."""
    import atheris

    with atheris.instrument_imports(include=["router"]):
        from support.fuzz_targets import TARGETS, seeds

    corpus = FOLDER / target
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds(target)):
        (corpus / f"seed-{number}").write_bytes(seed)
    options = [
        f"-max_total_time={minutes * 60:.0f}",
        "-max_len=4096",
        "-timeout=60",
        "-rss_limit_mb=2048",
        f"-artifact_prefix={FOLDER}/{target}-",
    ]
    atheris.Setup([sys.argv[0], *options, str(corpus)], TARGETS[target])
    atheris.Fuzz()


def main() -> int:
    """Fuzz each target in a process of its own; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("targets", nargs="*")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--in-this-process", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.in_this_process:
        fuzz_one(arguments.targets[0], arguments.minutes)
        return 0
    from support.fuzz_targets import TARGETS

    if unknown := set(arguments.targets) - set(TARGETS):
        parser.error(f"no target {', '.join(sorted(unknown))}; there are {', '.join(TARGETS)}")
    failed = []
    for target in arguments.targets or TARGETS:
        command = [sys.executable, __file__, target, "--minutes", str(arguments.minutes)]
        began = time.monotonic()
        run = subprocess.run(
            [*command, "--in-this-process"],
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            errors="replace",
            env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"},
        )
        seconds = time.monotonic() - began
        executions = max(map(int, EXECUTIONS.findall(run.stderr)), default=0)
        verdict = "holds" if run.returncode == 0 else "FAILS"
        print(f"{target:20} {executions:10} inputs {seconds:6.0f} s  {verdict}", flush=True)
        if run.returncode:
            failed.append(target)
            lines = [line for line in run.stderr.splitlines() if not line.startswith("INFO: Inst")]
            print("\n".join(lines)[-4000:], flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
    sys.exit(main())
