"""Alertmanager as a process: alerts and silences go in by its API, notifications come by webhook."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, Final

import aiohttp
import msgspec
from contracts.alertmanager.scenario import (
    Acknowledge,
    Action,
    Crash,
    Down,
    EndSilence,
    Minute,
    Minutes,
    Scenario,
    Silence,
    Up,
)
from support.monitoring_path import alertmanager_path
from support.redis_servers import free_port
from support.sinks import HttpSink
from support.waiting import until

from router.clock import system_clock

PROGRAM: Final = alertmanager_path()


def configuration(scenario: Scenario, minutes: Minutes, url: str) -> str:
    """Return the file. JSON is YAML."""
    route: dict[str, Any] = {
        "receiver": "sink",
        "group_by": ["alertname"] if scenario.is_grouped else ["..."],
        "group_wait": _duration(scenario.wait),
        "group_interval": _duration(scenario.interval),
        "repeat_interval": _duration(scenario.repeat),
    }
    hook = {"url": url, "send_resolved": True}
    document: dict[str, Any] = {
        "route": route,
        "receivers": [{"name": "sink", "webhook_configs": [hook]}],
    }
    if scenario.inhibits:
        document["inhibit_rules"] = [
            {"source_matchers": ["host=cause"], "target_matchers": ["host!=cause"]}
        ]
    if scenario.muted:
        begins, ends = map(minutes.text, scenario.muted)
        times = [{"start_time": begins, "end_time": ends}]
        document["time_intervals"] = [{"name": "muted", "time_intervals": [{"times": times}]}]
        # The root route cannot be muted.
        document["route"] = {
            **route,
            "routes": [{"matchers": ["host=~.+"], "mute_time_intervals": ["muted"]}],
        }
    return msgspec.json.encode(document).decode()


def _duration(seconds: float) -> str:
    return f"{int(seconds * 1000)}ms"


class Alertmanager:
    """A process that runs."""

    def __init__(self, folder: Path, sink: HttpSink) -> None:
        self._folder = folder
        self._sink = sink
        self._port = free_port()
        self._began: dict[str, str] = {}
        self._silence = ""

    async def start(self) -> None:
        assert PROGRAM is not None
        self._process = await asyncio.create_subprocess_exec(
            PROGRAM,
            f"--config.file={self._folder / 'alertmanager.yml'}",
            f"--storage.path={self._folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{self._port}",
            "--cluster.listen-address=",
            "--log.level=error",
        )
        await until(self._is_ready)

    async def kill(self) -> None:
        self._process.kill()
        await self._process.wait()

    async def act(self, action: Action) -> None:
        match action:
            case Down(host):
                self._began[host] = _rfc3339(system_clock().now())
                await self._alert(host)
            case Up(host):
                await self._alert(host, endsAt=_rfc3339(system_clock().now()))
            case Silence(host):
                self._silence = await self._add_silence(host)
            case EndSilence():
                await self._request("DELETE", f"silence/{self._silence}")
            case Crash():
                await self.kill()
                await self.start()
            case Acknowledge() | Minute():
                pass

    def notifications(self) -> Sequence[str]:
        return [_text(request.json()["alerts"]) for request in self._sink.requests]

    async def _alert(self, host: str, **more: str) -> None:
        labels = {"alertname": "outage", "host": host}
        alert = {"labels": labels, "startsAt": self._began[host], **more}
        await self._request("POST", "alerts", [alert])

    async def _add_silence(self, host: str) -> str:
        now = system_clock().now()
        matcher = {"name": "host", "value": host, "isRegex": False, "isEqual": True}
        silence = {
            "matchers": [matcher],
            "startsAt": _rfc3339(now),
            "endsAt": _rfc3339(now + 3600),
            "createdBy": "ann",
            "comment": "work",
        }
        made = msgspec.json.decode(await self._request("POST", "silences", silence))
        return str(made["silenceID"])

    async def _request(self, method: str, path: str, body: object = None) -> bytes:
        url = f"http://127.0.0.1:{self._port}/api/v2/{path}"
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, url, json=body) as response,
        ):
            content = await response.read()
            assert response.status == 200, content
            return content

    async def _is_ready(self) -> bool:
        try:
            async with (
                aiohttp.ClientSession() as session,
                session.get(f"http://127.0.0.1:{self._port}/-/ready") as response,
            ):
                return response.status == 200
        except aiohttp.ClientError:
            return False


def _text(alerts: list[dict[str, Any]]) -> str:
    return " + ".join(sorted(f"{each['labels']['host']} {each['status']}" for each in alerts))


def _rfc3339(moment: float) -> str:
    seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(moment))
    return f"{seconds}.{int(moment % 1 * 1000):03d}Z"


@contextlib.asynccontextmanager
async def alertmanager(
    scenario: Scenario, minutes: Minutes, folder: Path
) -> AsyncIterator[Alertmanager]:
    """Run Alertmanager in an empty folder, for one scenario."""
    async with HttpSink() as sink:
        (folder / "alertmanager.yml").write_text(configuration(scenario, minutes, sink.url))
        program = Alertmanager(folder, sink)
        await program.start()
        try:
            yield program
        finally:
            await program.kill()
