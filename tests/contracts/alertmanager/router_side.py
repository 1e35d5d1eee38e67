"""The router beside Alertmanager: events go in by HTTP, notifications come to an HTTP destination."""

import contextlib
import itertools
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
from support.processes import RouterProcess
from support.sinks import HttpSink

from router.clock import system_clock
from router.dev.embedded_redis import EmbeddedRedis, find_server

_TOKEN: Final = "admin-token-of-the-test"
_OUTAGE: Final = """
  - name: {name}
    events: [host.down]
    when: data.host {is_cause} "cause"
    resolve: {{events: [host.up], by: [data.host]}}
    summary: "{{{{ data.host }}}}"
    send_to: [sink]
"""


def rules(scenario: Scenario, minutes: Minutes, url: str) -> str:
    """Return the rules file: ``outage``, and ``cause`` if it holds back the other one."""
    text = f'destinations: {{sink: {{http: {{url: "{url}"}}}}}}\nrules:'
    text += _OUTAGE.format(name="outage", is_cause="!=")
    if scenario.wait or scenario.is_grouped:
        by = "" if scenario.is_grouped else ", by: [data.host]"
        text += f"    group: {{wait: {scenario.wait:g}s, interval: {scenario.interval:g}s{by}}}\n"
    if scenario.keys:
        text += f"    {scenario.keys}\n"
    if scenario.muted:
        begins, ends = map(minutes.text, scenario.muted)
        text += "    mute_times: [muted]\n"
        text += f'mute_times: {{muted: {{times: [{{from: "{begins}", to: "{ends}"}}]}}}}\n'
    if scenario.inhibits:
        text += _OUTAGE.format(name="cause", is_cause="==")
        text += "inhibitions: [{while: [cause], hold_back: [outage], for: 1h}]\n"
    return text


class Router:
    """A process that runs."""

    def __init__(self, process: RouterProcess, sink: HttpSink) -> None:
        self._process = process
        self._sink = sink
        self._numbers = itertools.count()
        self._silence = ""

    async def act(self, action: Action) -> None:
        match action:
            case Down(host):
                await self._event("host.down", host)
            case Up(host):
                await self._event("host.up", host)
            case Silence(host):
                silence = {
                    "match": {"data.host": host},
                    "ends": "2099-01-01T00:00:00Z",
                    "author": "ann",
                    "comment": "work",
                }
                made = await self._request("POST", "/api/v1/silences", silence)
                self._silence = msgspec.json.decode(made)["id"]
            case EndSilence():
                await self._request("DELETE", f"/api/v1/silences/{self._silence}")
            case Acknowledge(host):
                path = f"/api/v1/alerts/{self._key_of(host)}/acknowledge"
                await self._request("POST", path, {"by": "ann"})
            case Crash():
                await self._process.kill()
                await self._process.start()
            case Minute():
                pass

    def notifications(self) -> Sequence[str]:
        return [_text(request.json()["alert"]) for request in self._sink.requests]

    def _key_of(self, host: str) -> str:
        alerts = [request.json()["alert"] for request in self._sink.requests]
        return next(each["key"] for each in alerts if each["summary"] == host)

    async def _event(self, kind: str, host: str) -> None:
        event = {
            "specversion": "1.0",
            "id": str(next(self._numbers)),
            "source": "monitor",
            "type": kind,
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now := system_clock().now()))
            + f".{int(now % 1 * 1000):03d}Z",
            "data": {"host": host},
        }
        await self._request("POST", "/events", event, "application/cloudevents+json")

    async def _request(
        self, method: str, path: str, body: object = None, content_type: str = "application/json"
    ) -> bytes:
        headers = {"Authorization": f"Bearer {_TOKEN}", "Content-Type": content_type}
        async with (
            aiohttp.ClientSession(headers=headers) as session,
            session.request(method, self._process.url + path, json=body) as response,
        ):
            content = await response.read()
            assert response.status < 300, content
            return content


def _text(alert: dict[str, Any]) -> str:
    hosts = [alert["summary"], *(each["summary"] for each in alert.get("members", ()))]
    return " + ".join(sorted(f"{host} {alert['status']}" for host in hosts))


@contextlib.asynccontextmanager
async def router(scenario: Scenario, minutes: Minutes, folder: Path) -> AsyncIterator[Router]:
    """Run the router and a Redis in an empty folder, for one scenario."""
    (folder / "rules").mkdir()
    server = EmbeddedRedis(find_server(""), folder / "redis", appendfsync="always")
    async with HttpSink() as sink:
        (folder / "rules" / "rules.yaml").write_text(rules(scenario, minutes, sink.url))
        environ = {
            "ROUTER_REDIS_URL": server.url.reveal(),
            "ROUTER_RULES": str(folder / "rules"),
            "ROUTER_PORT": "0",
            "ROUTER_WORKER_PORT": "0",
            "ROUTER_JOB_LEASE": "1s",
            "ROUTER_EVENTS_TOKEN": _TOKEN,
            "ROUTER_ADMIN_TOKEN": _TOKEN,
        }
        server.start()
        try:
            async with RouterProcess("run", environ=environ) as process:
                yield Router(process, sink)
        finally:
            server.stop()
