"""The start of the program."""

import signal
import subprocess
import sys

import pytest

CODE = """
import os, signal, sys
signal.signal(signal.SIGINT, {before})
class Interrupt:
    def find_spec(self, name, path=None, target=None):
        if name == "router.cli":
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Interrupt())
sys.argv = ["router", "--version"]
from router.launch import run
run()
"""


@pytest.mark.parametrize(
    ("before", "code"),
    [("signal.default_int_handler", -signal.SIGINT), ("signal.SIG_IGN", 0)],
)
def test_an_interrupt_while_modules_are_imported_leaves_no_traceback(
    before: str, code: int
) -> None:
    done = subprocess.run(  # noqa: S603 - our own interpreter and text
        [sys.executable, "-c", CODE.format(before=before)],
        capture_output=True,
        check=False,
        timeout=30,
    )
    assert (done.returncode, done.stderr) == (code, b"")


def test_ctrl_c_is_an_exception_again_for_the_commands() -> None:
    # Set, because what runs in the background of a shell inherits that the signal is ignored.
    code = "import router.cli, signal; signal.signal(2, signal.default_int_handler)"
    code += "; router.cli.main = lambda: print(signal.getsignal(2).__name__)"
    done = subprocess.run(  # noqa: S603 - our own interpreter and text
        [sys.executable, "-c", f"{code}\nfrom router.launch import run; run()"],
        capture_output=True,
        check=False,
        timeout=30,
    )
    assert done.stdout == b"default_int_handler\n"
