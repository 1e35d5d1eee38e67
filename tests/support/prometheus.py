"""Prometheus and Alertmanager as processes, with a router as the receiver of their alerts."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import aiohttp
import msgspec

from router.clock import system_clock
from support.monitoring_path import alertmanager_path, prometheus_path
from support.redis_servers import free_port
from support.waiting import until

PROMETHEUS: Final = prometheus_path()
ALERTMANAGER: Final = alertmanager_path()
_OFTEN: Final = "200ms"


async def _status(method: str, url: str, body: object = None) -> int:
    async with (
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session,
        session.request(method, url, json=body) as response,
    ):
        return response.status


@contextlib.asynccontextmanager
async def serving(program: str | None, port: int, *arguments: str) -> AsyncIterator[str]:
    """Run Prometheus or Alertmanager until the block ends; yield its URL when it is ready."""
    assert program is not None
    url = f"http://127.0.0.1:{port}"
    listen = f"--web.listen-address=127.0.0.1:{port}"
    process = await asyncio.create_subprocess_exec(program, listen, "--log.level=error", *arguments)

    async def is_ready() -> bool:
        try:
            return await _status("GET", f"{url}/-/ready") == 200
        except aiohttp.ClientError:
            return False

    try:
        await until(is_ready)
        yield url
    finally:
        process.kill()
        await process.wait()


def _write(file: Path, content: Any) -> Path:
    file.write_bytes(msgspec.json.encode(content))  # JSON is YAML
    return file


def prometheus(
    folder: Path, *, target: int, router: str, path: str, token: str
) -> contextlib.AbstractAsyncContextManager[str]:
    """Run Prometheus, whose rule fires while the metric ``trouble`` of a target is above 0.

    Args:
        folder: An empty folder.
        target: The port of the target.
        router: Host and port of the Alertmanager that it is told of, which is a router.
        path: The path before ``/api/v2/alerts`` there.
        token: The bearer token for it.
    """
    rule = {
        "alert": "Trouble",
        "expr": "trouble > 0",
        "labels": {"severity": "critical"},
        "annotations": {"summary": "Trouble of {{ $labels.job }}"},
    }
    rules = _write(folder / "rules.yml", {"groups": [{"name": "all", "rules": [rule]}]})
    alertmanager = {
        "static_configs": [{"targets": [router]}],
        "path_prefix": path,
        "authorization": {"credentials": token},
    }
    often = {"scrape_interval": _OFTEN, "scrape_timeout": _OFTEN, "evaluation_interval": _OFTEN}
    scraped = [{"job_name": "node", "static_configs": [{"targets": [f"127.0.0.1:{target}"]}]}]
    file = _write(
        folder / "prometheus.yml",
        {
            "global": often,
            "rule_files": [str(rules)],
            "alerting": {"alertmanagers": [alertmanager]},
            "scrape_configs": scraped,
        },
    )
    return serving(
        PROMETHEUS,
        free_port(),
        f"--config.file={file}",
        f"--storage.tsdb.path={folder / 'data'}",
        "--rules.alert.resend-delay=1s",
    )


class Alertmanager:
    """A process that runs. Its alerts begin when the test does."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._began = _rfc3339(system_clock().now())

    async def fire(self, **labels: str) -> None:
        await self._post(labels)

    async def resolve(self, **labels: str) -> None:
        await self._post(labels, endsAt=_rfc3339(system_clock().now()))

    async def fingerprints(self) -> dict[str, str]:
        """Return the fingerprint of each alert, as Alertmanager computes it, by its name."""
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{self._url}/api/v2/alerts") as response,
        ):
            found = await response.json()
        return {each["labels"]["alertname"]: each["fingerprint"] for each in found}

    async def _post(self, labels: dict[str, str], **more: str) -> None:
        summary = {"summary": f"{labels['alertname']} of {labels['instance']}"}
        alert = {"labels": labels, "annotations": summary, "startsAt": self._began, **more}
        assert await _status("POST", f"{self._url}/api/v2/alerts", [alert]) == 200


def _rfc3339(moment: float) -> str:
    seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(moment))
    return f"{seconds}.{int(moment % 1 * 1000):03d}Z"


@contextlib.asynccontextmanager
async def alertmanager(folder: Path, *, url: str, token: str) -> AsyncIterator[Alertmanager]:
    """Run Alertmanager, with the webhook at ``url`` as its one receiver."""
    hook = {
        "url": url,
        "send_resolved": True,
        "http_config": {"authorization": {"credentials": token}},
    }
    route = {"receiver": "router", "group_wait": _OFTEN, "group_interval": _OFTEN}
    receivers = [{"name": "router", "webhook_configs": [hook]}]
    file = _write(folder / "alertmanager.yml", {"route": route, "receivers": receivers})
    async with serving(
        ALERTMANAGER,
        free_port(),
        f"--config.file={file}",
        f"--storage.path={folder / 'data'}",
        "--cluster.listen-address=",
    ) as address:
        yield Alertmanager(address)
