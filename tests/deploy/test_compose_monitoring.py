"""Compose's Prometheus and Alertmanager: their files as shipped, until the mail about the router.

Only hosts and folders are replaced, by the ports and folders of this machine.
"""

import asyncio
from pathlib import Path
from typing import Final

import pytest
from support.compose_file import Service, read_services
from support.mail import SmtpSink
from support.monitoring_path import amtool_path, promtool_path
from support.prometheus import ALERTMANAGER, PROMETHEUS, serving
from support.redis_servers import free_port
from support.sinks import HttpSink, Reply

ROOT: Final = Path(__file__).parents[2]
MISSING: Final = "there is no {}: make monitoring"
METRICS: Final = b'router_work_missing{kind="batches"} 3\n'


def service(name: str) -> Service:
    return read_services(ROOT / "docker-compose.yml", {})[name]


async def checked(program: str | None, *arguments: str) -> str:
    assert program is not None
    process = await asyncio.create_subprocess_exec(
        program,
        *arguments,
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(60):
        output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()
    return output.decode()


@pytest.mark.skipif(promtool_path() is None, reason=MISSING.format("promtool"))
async def test_the_file_of_prometheus_is_valid() -> None:
    assert "SUCCESS" in await checked(promtool_path(), "check", "config", "deploy/prometheus.yml")


@pytest.mark.skipif(amtool_path() is None, reason=MISSING.format("amtool"))
async def test_the_file_of_alertmanager_is_valid() -> None:
    assert "SUCCESS" in await checked(amtool_path(), "check-config", "deploy/alertmanager.yml")


def placed(name: str, folder: Path, hosts: dict[str, str]) -> list[str]:
    """Copy the files of a service with hosts replaced; return its command with its folders there."""
    here = folder / name
    here.mkdir()
    command = service(name).command
    for volume in service(name).volumes:
        target = Path(volume.target)
        if not volume.source.startswith("/"):
            (here / target.name).mkdir()
        else:
            text = Path(volume.source).read_text("utf-8")
            for host, ours in hosts.items():
                text = text.replace(host, ours)
            (here / target.name).write_text(text, "utf-8")
        command = [part.replace(f"={volume.target}", f"={here / target.name}") for part in command]
    return command


@pytest.mark.deploy
@pytest.mark.skipif(
    PROMETHEUS is None or ALERTMANAGER is None, reason=MISSING.format("Prometheus or Alertmanager")
)
async def test_an_alert_about_the_router_is_mailed(tmp_path: Path) -> None:
    """Its group waits 10 s, and a scrape takes up to 5 s."""
    async with HttpSink(otherwise=Reply(body=METRICS)) as router, SmtpSink() as mail:
        port = free_port()
        hosts = {
            "ingress:8082": f"127.0.0.1:{router.port}",
            "worker:8081": f"127.0.0.1:{router.port}",
            "alertmanager:9093": f"127.0.0.1:{port}",
            "mail:1025": f"127.0.0.1:{mail.port}",
        }
        async with (
            serving(ALERTMANAGER, port, *placed("alertmanager", tmp_path, hosts)),
            serving(PROMETHEUS, free_port(), *placed("prometheus", tmp_path, hosts)),
        ):
            (told,) = await mail.receive(1)

    assert told.recipients == ("operators@example.com",)
    assert "RouterWorkMissing" in str(told.message()["Subject"])


def test_the_folders_of_both_are_kept() -> None:
    named = {
        each.source for name in ("prometheus", "alertmanager") for each in service(name).volumes
    }

    assert {"prometheus", "alertmanager"} <= named
