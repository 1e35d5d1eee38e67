"""docker-compose.yml: its services as processes with exactly their variables, commands and folders."""

import asyncio
import contextlib
import os
import re
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, Final

import aiohttp
import msgspec
import pytest
import yaml
from support.compose_file import Service, read_dotenv, read_services
from support.containers import NO_NAMESPACE, USER, Container, Finished, can_isolate
from support.mail import SmtpSink
from support.redis_servers import RedisServer
from support.waiting import until

from router.configuration.load import load
from router.settings.env_file import DISABLED, read_env_file
from router.settings.model import SETTINGS, Settings

ROOT: Final = Path(__file__).parents[2]
README: Final = (ROOT / "deploy" / "README.md").read_text("utf-8")
COMPOSE: Final[dict[str, Any]] = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
OURS: Final = ("ingress", "worker", "kinesis")

needs_namespace = pytest.mark.skipif(not can_isolate(), reason=NO_NAMESPACE)


def blocks(language: str) -> list[str]:
    """Return the code blocks of deploy/README.md."""
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout without ``.env``."""
    folder = tmp_path / "checkout"
    shutil.copytree(ROOT / "deploy", folder / "deploy")
    shutil.copytree(ROOT / "rules", folder / "rules")
    shutil.copy(ROOT / "docker-compose.yml", folder)
    return folder


def services(checkout: Path, dotenv: str = "") -> dict[str, Service]:
    (checkout / ".env").write_text(dotenv, "utf-8")
    return read_services(checkout / "docker-compose.yml", {})


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    with RedisServer(tmp_path / "redis") as server:
        yield server


@pytest.fixture
async def mail() -> AsyncIterator[SmtpSink]:
    async with SmtpSink() as sink:
        yield sink


@pytest.fixture
def hosts(redis: RedisServer, mail: SmtpSink) -> dict[str, str]:
    return {"redis:6379": f"127.0.0.1:{redis.port}", "mail:1025": f"127.0.0.1:{mail.port}"}


@contextlib.asynccontextmanager
async def up(
    checkout: Path, hosts: dict[str, str], *names: str, options: tuple[str, ...] = ()
) -> AsyncIterator[dict[str, Container]]:
    """Start services of the file, each when the one before it listens."""
    known = read_services(checkout / "docker-compose.yml", {})
    async with contextlib.AsyncExitStack() as stack:
        started = {}
        for name in names:
            folder = checkout.parent / name
            folder.mkdir()
            container = Container(known[name], folder, hosts, options=options)
            started[name] = await stack.enter_async_context(container)
        yield started


async def as_written(block: str, folder: Path, running: dict[str, Container]) -> Finished:
    """Run a block of the README in the repository; ``docker compose exec`` leads to ``running``."""
    programs = folder / "programs"
    programs.mkdir(exist_ok=True)
    for name, container in running.items():
        words = " ".join("'" + word.replace("'", "'\\''") + "'" for word in container.entering())
        (programs / f"exec-{name}").write_text(f'exec {words} "$@"\n')
    docker = programs / "docker"
    docker.write_text(
        "#!/bin/sh -eu\n"
        '[ "$1" = compose ]\n'
        '[ "$2" = up ] && exit 0\n'
        '[ "$2 $3" = "exec -T" ]\n'
        f'service=$4; shift 4; cd /; . {programs}/exec-"$service"\n'
    )
    docker.chmod(0o755)
    kept = {name: text for name, text in os.environ.items() if not name.startswith("ROUTER_")}
    process = await asyncio.create_subprocess_exec(
        *("sh", "-euc", block),
        cwd=ROOT,
        env={
            **kept,
            "PATH": f"{programs}:{sys.prefix}/bin:{os.environ['PATH']}",
            "XDG_STATE_HOME": str(folder),
            DISABLED: "1",  # the checkout may have an .env of its developer
            "ROUTER_PORT": running["ingress"].ports["ROUTER_PORT"],
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(60):
        output, _ = await process.communicate()
    return Finished(process.returncode or 0, output.decode())


async def test_the_readme_works_as_written(
    checkout: Path, hosts: dict[str, str], mail: SmtpSink, tmp_path: Path
) -> None:
    """Cases O1 and O6: the send commands got 403, because localhost is not 127.0.0.1."""
    start, send, *_ = blocks("sh")
    async with up(checkout, hosts, "ingress", "worker") as running:
        sample = await as_written(start, tmp_path, running)
        twilio = await as_written(send, tmp_path, running)

        assert (sample.code, twilio.code) == (0, 0), sample.output + twilio.output
        assert sample.output.startswith('202 {"accepted":1')
        assert twilio.output.startswith('202 {"accepted":1')
        (alert, *_) = await mail.receive(1)
        assert alert.recipients == ("noc@example.com",)
        assert (await running["ingress"].healthcheck()).code == 0
        assert (await running["worker"].healthcheck()).code == 0


@pytest.mark.deploy
@needs_namespace
async def test_the_root_is_read_only_and_the_user_is_not_root(
    checkout: Path, hosts: dict[str, str]
) -> None:
    async with up(checkout, hosts, "worker") as running:
        worker = running["worker"]
        written = [
            (await worker.execute("touch", path)).code
            for path in ("/x", "/etc/router/rules/x", f"{ROOT}/x", "/tmp/x")  # noqa: S108
        ]

        assert written == [1, 1, 1, 0]
        assert (await worker.execute("id", "-u")).output == f"{USER}\n"


@needs_namespace
async def test_two_processes_run_without_a_writable_root(
    checkout: Path, hosts: dict[str, str]
) -> None:
    """Case O6: a traceback, because there was no folder for the metrics of the processes."""
    async with (
        up(checkout, hosts, "ingress", options=("--processes", "2")) as running,
        aiohttp.ClientSession() as session,
    ):
        ingress = running["ingress"]
        url = f"http://127.0.0.1:{ingress.ports['ROUTER_OPERATIONS_PORT']}/metrics"
        async with session.get(url) as response:
            assert "router_events_received_total" in await response.text()
        assert (await ingress.healthcheck()).code == 0


@needs_namespace
async def test_two_processes_without_a_folder_for_temporary_files_say_so(
    checkout: Path, hosts: dict[str, str], tmp_path: Path
) -> None:
    service = read_services(checkout / "docker-compose.yml", {})["ingress"]
    bare = msgspec.structs.replace(service, tmpfs=[])

    ended = await Container(bare, tmp_path, hosts).execute("router", "ingress", "--processes", "2")
    assert ended.code == 2
    assert ended.output.startswith("router: --processes needs a folder for temporary files")


@pytest.mark.deploy
async def test_a_wrong_role_is_unhealthy(checkout: Path, hosts: dict[str, str]) -> None:
    async with up(checkout, hosts, "worker") as running:
        worker = running["worker"]
        worker.ports["ROUTER_WORKER_PORT"] = "1"

        assert (await worker.healthcheck()).code == 1


@pytest.mark.deploy
async def test_a_change_of_the_rules_is_loaded_without_a_restart(
    checkout: Path, hosts: dict[str, str]
) -> None:
    async with up(checkout, hosts, "worker") as running:
        worker = running["worker"]
        rules = checkout / "deploy" / "rules" / "voice-insights.yaml"
        rules.write_text(rules.read_text().replace("call-quality", "calls"))
        worker.signal(signal.SIGHUP)

        async def reloaded() -> bool:
            return any(entry["message"] == "rules reloaded" for entry in worker.log)

        await until(reloaded)


@pytest.mark.parametrize("name", OURS)
def test_each_variable_of_dotenv_arrives(checkout: Path, name: str) -> None:
    """Case O4: six names arrived, so a rule with ``${TICKETS_URL}`` could not run."""
    (dotenv,) = blocks("dotenv")
    environ = services(checkout, dotenv)[name].environment

    written = read_dotenv(dotenv, {})
    assert environ.items() >= written.items()
    settings = Settings.read(environ)
    assert settings.public_url == "https://router.example.com"
    assert settings.viewer_token == Settings().viewer_token
    configuration = load(ROOT / "rules", environ)
    assert {spec.name for spec in configuration.destinations} == {
        "voice-oncall",
        "noc-mail",
        "tickets",
    }


def test_commands_read_the_same_dotenv_as_compose(tmp_path: Path) -> None:
    """A command in the checkout reads ``.env`` too, by another reader."""
    (dotenv,) = blocks("dotenv")
    (tmp_path / ".env").write_text(dotenv, "utf-8")

    assert read_env_file(tmp_path / ".env") == read_dotenv(dotenv, {})


@pytest.mark.parametrize("name", OURS)
def test_the_example_of_dotenv_is_valid_with_each_line_of_it(checkout: Path, name: str) -> None:
    """Comment signs that are removed without writing a value change nothing."""
    example = (ROOT / ".env.example").read_text("utf-8")
    given = re.sub(r"^# (?=[A-Z_]+=)", "", example, flags=re.MULTILINE)
    environ = services(checkout, given)[name].environment

    assert {setting.name for setting in SETTINGS} <= environ.keys()
    settings = Settings.read(environ)
    assert (settings.host, settings.port, settings.worker_port) == (
        "0.0.0.0",  # noqa: S104 - as the file says
        8080,
        8081,
    )
    assert settings.rules == Path("/etc/router/rules")


@pytest.mark.parametrize("name", OURS)
def test_without_dotenv_the_settings_are_valid(checkout: Path, name: str) -> None:
    service = read_services(checkout / "docker-compose.yml", {})[name]

    settings = Settings.read(service.environment)
    assert settings.redis_url.reveal() == "redis://redis:6379/0"
    assert settings.events_token == ()
    assert not settings.admin_token


async def test_the_rules_of_the_repository_may_be_copied_over_those_of_compose(
    checkout: Path,
) -> None:
    """Case O5: each rule was given twice, and the worker exited."""
    copy = next(line for line in blocks("sh")[2].splitlines() if line.startswith("cp "))
    process = await asyncio.create_subprocess_exec("sh", "-euc", copy, cwd=checkout)
    async with asyncio.timeout(60):
        assert await process.wait() == 0
    (dotenv,) = blocks("dotenv")

    found = load(checkout / "deploy" / "rules", read_dotenv(dotenv, {}))
    expected = load(ROOT / "rules", read_dotenv(dotenv, {}))
    assert [rule.name for rule in found.rules.rules] == [rule.name for rule in expected.rules.rules]


def test_the_rules_folder_can_be_named(checkout: Path) -> None:
    found = services(checkout, "RULES_FOLDER=./rules\n")["worker"].volumes

    assert (found[0].source, found[0].read_only) == (str(checkout / "rules"), True)


def test_nothing_listens_beyond_this_machine_unless_ingress_is_told_to(checkout: Path) -> None:
    closed = [port for each in services(checkout).values() for port in each.ports]
    opened = services(checkout, "PUBLISH_ADDRESS=0.0.0.0\n")

    assert all(port.startswith("127.0.0.1:") for port in closed)
    assert opened["ingress"].ports[0] == "0.0.0.0:8080:8080"
    assert services(checkout)["redis"].ports == []
    assert COMPOSE["services"]["redis"]["networks"] == ["journal"]
    assert COMPOSE["networks"]["journal"] == {"internal": True}


@pytest.mark.parametrize("name", COMPOSE["services"])
def test_each_service_is_limited(name: str) -> None:
    service = COMPOSE["services"][name]

    assert service["mem_limit"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["logging"]["options"]["max-size"]
    assert re.search(r":v?\d+\.\d+", service["image"]) or service["image"] == "event-router"


@pytest.mark.parametrize("name", OURS)
def test_the_services_of_the_router_are_hardened(name: str) -> None:
    service = COMPOSE["services"][name]

    assert service["read_only"]
    assert service["init"]
    drain = Settings().drain_timeout
    assert int(service["stop_grace_period"].removesuffix("s")) > 2 * drain
    assert service["tmpfs"] == ["/tmp:size=64m,mode=1777"]  # noqa: S108 - as the file says
    assert service["healthcheck"]["test"][0] == "CMD"
