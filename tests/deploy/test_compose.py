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
from support.compose_file import Service, interpolate, read_dotenv, read_services
from support.containers import NO_NAMESPACE, USER, Container, Finished, can_isolate
from support.mail import SmtpSink
from support.redis_servers import RedisServer
from support.waiting import until

from router.configuration.load import load
from router.datatypes import Secret
from router.runtime.exposure import EXAMPLE_AUTH_TOKEN
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


@pytest.mark.default_user
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
@pytest.mark.default_user
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
@pytest.mark.parametrize("name", ["ingress", "worker"])
async def test_a_role_that_is_stuck_is_unhealthy(
    checkout: Path, hosts: dict[str, str], name: str
) -> None:
    async with up(checkout, hosts, name) as running:
        service = running[name]
        assert (await service.healthcheck()).code == 0
        service.signal(signal.SIGSTOP)
        try:
            assert (await service.healthcheck()).code == 1
        finally:
            service.signal(signal.SIGCONT)


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


@pytest.mark.parametrize(
    "line",
    [
        *(
            "A=b c",
            "A=b # c",
            "A=b#c",
            "A='b # c'",
            'A="b # c"',
            "A='$x'",
            "A='a\\'b'",
            'A="a\\"b"',
        ),
        *(
            'A="a\\nb"',
            "A='a\\nb'",
            "export A=b",
            "A =b",
            "A=b ",
            'A="b"# c',
            "A=",
            "A=''",
            "A='a\nb'",
        ),
        *("A=b\\ c", "A=b\r", "A=a=b", "A=a'b", "A=`b`", "A=http://x/?a=b&c=d#e", 'A={"a": "b"}'),
    ],
)
def test_a_value_is_the_same_for_commands_and_compose(tmp_path: Path, line: str) -> None:
    (tmp_path / ".env").write_bytes(f"{line}\nB=1\n".encode())

    assert read_env_file(tmp_path / ".env") == read_dotenv(f"{line}\nB=1\n", {})


@pytest.fixture
def override(checkout: Path) -> dict[str, str]:
    """The override of the README with its files; their contents by name."""
    (block,) = blocks("yaml")
    (checkout / "docker-compose.override.yml").write_text(block, "utf-8")
    (checkout / "secrets").mkdir()
    secrets = {
        "twilio-auth-tokens": "token-in-a-file",
        "admin-token": "a token of operators that is hard to guess",
        "smtp-url": "smtp://mail:1025",
    }
    for name, text in secrets.items():
        (checkout / "secrets" / name).write_text(f"{text}\n")
    return secrets


@pytest.mark.parametrize("name", ["ingress", "worker"])
def test_secrets_may_be_in_files(checkout: Path, override: dict[str, str], name: str) -> None:
    """Mutant: without the empty values the router would find a variable twice, and not start."""
    service = services(checkout, "ROUTER_EVENTS_TOKEN=in-the-environment\n")[name]
    mounted = {each.target: each for each in service.volumes}
    environ = {
        variable: mounted[value].source if value in mounted else value
        for variable, value in service.environment.items()
    }
    environ["ROUTER_RULES"] = mounted["/etc/router/rules"].source

    settings = Settings.read(environ)
    assert settings.twilio_auth_tokens == (Secret(override["twilio-auth-tokens"]),)
    assert [each.secret.reveal() for each in settings.admin_token] == [override["admin-token"]]
    assert settings.events_token == (Secret("in-the-environment"),)
    assert load(checkout / "deploy" / "rules", environ).destinations
    assert all(mounted[f"/run/secrets/{secret}"].read_only for secret in override)


@pytest.mark.deploy
@needs_namespace
@pytest.mark.usefixtures("override")
async def test_a_worker_delivers_with_a_secret_in_a_file(
    checkout: Path, hosts: dict[str, str], mail: SmtpSink
) -> None:
    (checkout / "secrets" / "smtp-url").write_text(f"smtp://127.0.0.1:{mail.port}\n")
    send = ("router", "send", "--sample", "--sign")
    async with up(checkout, hosts, "ingress", "worker") as running:
        ended = await running["ingress"].execute(*send)
        assert ended.output.startswith('202 {"accepted":1'), ended.output
        assert len(await mail.receive(1)) == 1


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


def test_each_variable_of_the_file_is_documented_with_its_default() -> None:
    text = (ROOT / "docker-compose.yml").read_text("utf-8")
    defaults = dict(re.findall(r"\$\{([A-Z_]+):-([^}]*)\}", text))
    example = (ROOT / ".env.example").read_text("utf-8").splitlines()

    assert set(re.findall(r"\$\{?([A-Z_]+)", text)) == set(defaults)
    for name, default in defaults.items():
        assert f"`{name}`" in README or f"\n{name}=" in README, name
        if not name.startswith("ROUTER_") and name != "SMTP_URL":
            assert f"# {name}={default}" in example


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


def test_the_worker_can_be_scaled() -> None:
    """Three containers cannot share a port of the machine, nor one target of Prometheus."""
    prometheus = yaml.safe_load((ROOT / "deploy" / "prometheus.yml").read_text("utf-8"))
    jobs = {each["job_name"]: each for each in prometheus["scrape_configs"]}

    assert COMPOSE["services"]["worker"]["ports"] == ["127.0.0.1::8081"]
    assert "ports" not in COMPOSE["services"]["kinesis"]
    assert not any("container_name" in each for each in COMPOSE["services"].values())
    for name in ("worker", "kinesis"):
        assert jobs[name]["dns_sd_configs"][0]["names"] == [name]


def test_the_time_to_stop_is_that_of_dotenv(checkout: Path) -> None:
    found = services(checkout, "ROUTER_DRAIN_TIMEOUT=5m\nSTOP_GRACE_PERIOD=11m\n")

    assert {found[name].written["stop_grace_period"] for name in OURS} == {"11m"}


def test_the_token_of_the_example_is_known_to_the_router() -> None:
    """Which warns of it at the start, once there is a public URL."""
    default = COMPOSE["services"]["ingress"]["environment"]["ROUTER_TWILIO_AUTH_TOKENS"]

    assert interpolate(default, {}) == EXAMPLE_AUTH_TOKEN


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
    grace = interpolate(service["stop_grace_period"], {}).removesuffix("s")
    assert int(grace) > 2 * Settings().drain_timeout
    assert service["tmpfs"] == ["/tmp:size=64m,mode=1777"]  # noqa: S108 - as the file says
    assert service["healthcheck"]["test"][0] == "CMD"
