"""A reader's terminal: the shell blocks of one page, run as written in one shell and one folder.

The shell sees loopback only: Slack's webhooks lead to a receiver of the test, and ``localhost:8080`` to the port of the
test's router. What a block exports, and the folder that it goes to, stay for the blocks after it.
What goes on in the background is executed; other commands named ``router`` are forked (``support/router_program.py``).
"""

import asyncio
import contextlib
import os
import re
import shlex
import shutil
import signal
import socket
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from router.settings.env_file import DISABLED
from support.command_blocks import Block
from support.router_program import router_program
from support.sinks import HttpSink
from support.waiting import until

ROOT: Final = Path(__file__).parents[2]
SECONDS: Final = 60
_FORBIDDEN: Final = (
    *("apt", "apt-get", "aws", "docker", "helm", "kubectl", "npm", "pip", "pipx", "podman"),
    *("sudo", "systemctl", "twilio", "uv"),
)
"""What would install something, or act on more than the page's folder and the test's router."""
_MARK: Final = "-- end of the block --"
_COPIED: Final = (
    "rules",
    "deploy",
    ".env.example",
    "docker-compose.yml",
    "Makefile",
    "pyproject.toml",
)
_LINKED: Final = ("constraints", "router", "tests", "README.md", "LICENSE")
_SLACK: Final = re.compile(r"https://hooks\.slack\.com/services/[^\s'\"]*")
_PORT: Final = re.compile(r"\b(localhost|127\.0\.0\.1):8080\b")


def checkout(folder: Path) -> None:
    """Make a folder look like a checkout in which ``make`` has installed the router."""
    folder.mkdir()
    for name in _COPIED:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, folder / name)
    for name in _LINKED:
        (folder / name).symlink_to(ROOT / name)
    sample = (ROOT / "tests" / "data" / "conference-summary-complete.json").read_text("utf-8")
    (folder / "EVENT.json").write_text(sample, "utf-8")
    (folder / "EVENTS.jsonl").write_text("".join(sample.split("\n")) + "\n", "utf-8")
    (folder / ".venv").mkdir()
    for part in Path(sys.prefix).iterdir():
        if part.name not in {"run", "dev"}:
            (folder / ".venv" / part.name).symlink_to(part)
    for name in ("run", "dev"):  # newer than what they are made of
        (folder / ".venv" / name).touch()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_running(process: int) -> bool:
    """Return whether a process is there. It leads its group when it has printed anything."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


class PageSession:
    """One shell. Blocks are run one after the other; what goes on in the background ends with it.

    Args:
        page: The name of the page, for messages.
        folder: Where the shell begins.
        environ: Variables beside those of the test.
        slack: What has got messages; it is the receiver of all webhooks of Slack.
    """

    def __init__(self, page: str, folder: Path, environ: dict[str, str], slack: HttpSink) -> None:
        self._page = page
        self._folder = folder
        self._slack = slack
        self._port = environ.get("ROUTER_PORT") or str(free_port())
        self._scripts = folder.parent / f"{folder.name}-session"
        kept = {
            name: text
            for name, text in os.environ.items()
            # A reader's commands read the reader's .env, and compile the router once.
            if not name.startswith("ROUTER_") and name not in {DISABLED, "PYTHONDONTWRITEBYTECODE"}
        }
        self._path = f"{self._scripts}:{Path(sys.prefix) / 'bin'}:{kept.get('PATH', '')}"
        self._temporary = tempfile.TemporaryDirectory(prefix="router-page-")  # short, for sockets
        self._environ = {
            **kept,
            "PATH": f"{Path(router_program()).parent}:{self._path}",
            "TMPDIR": self._temporary.name,
            "https_proxy": "http://127.0.0.1:9",  # nothing is there: no command reaches the internet
            "HOME": str(folder),
            "NO_COLOR": "1",
            "ROUTER_PORT": self._port,
            **environ,
        }
        self._printed = ""
        self._background: list[int] = []
        self._logs: dict[
            Path, int
        ] = {}  # what is in the background writes, and where reading begins

    async def __aenter__(self) -> Self:
        self._scripts.mkdir()
        for name in _FORBIDDEN:
            stub = self._scripts / name
            stub.write_text(
                f"#!/bin/sh\necho 'mark the block: a test does not run {name}'; exit 126\n"
            )
            stub.chmod(0o755)
        self._shell = await asyncio.create_subprocess_exec(
            "bash",
            cwd=self._folder,
            env=self._environ,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            limit=1 << 22,
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for process in filter(is_running, self._background):
            os.killpg(process, signal.SIGTERM)
        try:
            async with asyncio.timeout(SECONDS):
                await self._shell.communicate(b"wait\n")
        finally:
            for process in filter(is_running, self._background):
                os.killpg(process, signal.SIGKILL)
            if self._shell.returncode is None:
                self._shell.kill()
                await self._shell.communicate()
            self._temporary.cleanup()

    async def play(self, block: Block) -> None:
        """Run a block, write it to a file or compare it with what was printed, as its marks say."""
        text = self._local(block.text)
        if wanted := block.marks.get("after"):
            await self._await_background(block, wanted)
        if "file" in block.marks:
            path = self._folder / block.marks["file"]
            path.parent.mkdir(parents=True, exist_ok=True)
            # At once, as editors do: a reader of the folder sees all or nothing.
            part = path.with_name(f"{path.name}.part")
            part.write_text(text, "utf-8")
            part.replace(path)
        elif "prints" in block.marks:
            self._compare(block, text)
        elif "background" in block.marks:
            await self._start(block, text)
        elif block.is_shell and "not run" not in block.marks:
            await self._run(block, text)
            self._logs = {log: log.stat().st_size for log in self._logs}
        if wanted := block.marks.get("slack gets"):
            await self._await_slack(block, wanted)

    def _local(self, text: str) -> str:
        return _PORT.sub(rf"\1:{self._port}", _SLACK.sub(self._slack.url, text))

    async def _run(self, block: Block, text: str) -> None:
        script = self._script(block, text)
        failed = self._scripts / f"{block.line}.failed"
        trap = f"""trap 'echo "$?: $BASH_COMMAND" >>{failed}' ERR"""
        self._printed = await self._exchange(f"{trap}; {{ . {script}; }} </dev/null; trap - ERR")
        failures = failed.read_text("utf-8").splitlines() if failed.exists() else []
        codes = [failure.partition(":")[0] for failure in failures] or ["0"]
        wanted = [block.marks.get("exit", "0")]
        report = "\n".join([text, *failures, "printed:", self._printed])
        assert codes == wanted, f"{self._at(block)} failed:\n{report}"

    async def _start(self, block: Block, text: str) -> None:
        script, log = self._script(block, text), self._scripts / f"{block.line}.log"
        log.touch()
        self._logs[log] = 0
        # With the router that is installed, which is in the group of the shell and ends with it.
        path = f"PATH={shlex.quote(self._path)}"
        printed = await self._exchange(
            f"{path} setsid bash -e {script} </dev/null >{shlex.quote(str(log))} 2>&1 & echo $!"
        )
        self._background.append(int(printed))
        wanted = self._local(block.marks["background"])

        async def is_printed() -> bool:
            self._printed = log.read_text("utf-8", errors="replace")
            return wanted in self._printed or not is_running(self._background[-1])

        with contextlib.suppress(TimeoutError):
            await until(is_printed, seconds=SECONDS)
        assert wanted in self._printed, f"{self._at(block)} lacks {wanted!r}:\n{self._printed}"

    async def _exchange(self, command: str) -> str:
        """Let the shell run a line; return what it printed."""
        assert self._shell.stdin
        assert self._shell.stdout
        self._shell.stdin.write(f"{command}\necho; echo {_MARK}\n".encode())
        await self._shell.stdin.drain()
        printed = []
        async with asyncio.timeout(SECONDS):
            while (
                line := (await self._shell.stdout.readline()).decode(errors="replace")
            ) != f"{_MARK}\n":
                assert line, f"{self._page}: the shell has ended:\n{''.join(printed)}"
                printed.append(line)
        return "".join(printed).removesuffix("\n")

    def _script(self, block: Block, text: str) -> Path:
        prompt = re.compile(r"^\$ ", re.MULTILINE)
        script = self._scripts / f"{block.line}.sh"
        script.write_text(f"{prompt.sub('', text)}\n:\n", "utf-8")
        return script

    def _compare(self, block: Block, text: str) -> None:
        pattern = r".*?".join(
            re.escape(part) for part in re.split(r" *… *", " ".join(text.split()))
        )
        printed = " ".join(self._printed.split())
        assert re.search(pattern, printed), (
            f"{self._at(block)} has not printed:\n{text}\nbut\n{self._printed}"
        )

    async def _await_background(self, block: Block, wanted: str) -> None:
        async def is_printed() -> bool:
            return any(wanted.encode() in log.read_bytes()[at:] for log, at in self._logs.items())

        try:
            await until(is_printed, seconds=SECONDS)
        except TimeoutError:
            printed = "\n".join(log.read_text("utf-8") for log in self._logs)
            raise AssertionError(f"{self._at(block)}: no {wanted!r} in\n{printed}") from None

    async def _await_slack(self, block: Block, wanted: str) -> None:
        async def has_come() -> bool:
            return any(wanted in request.body.decode() for request in self._slack.requests)

        try:
            await until(has_come, seconds=SECONDS)
        except TimeoutError:
            bodies = "\n".join(request.body.decode() for request in self._slack.requests)
            raise AssertionError(
                f"{self._at(block)}: Slack has not got {wanted!r}, but\n{bodies}"
            ) from None

    def _at(self, block: Block) -> str:
        return f"{self._page}:{block.line}"
