"""The main job with a Redis user who has the rights of deploy/redis/users.acl and no others.

``make test-acl`` runs the whole suite as such a user.
"""

import asyncio
from pathlib import Path

import aiohttp
from support.processes import RouterProcess
from support.redis_servers import RedisServer
from support.sinks import HttpSink
from support.waiting import until

from router.journal.access_rights import acl_rule

RULES = """
destinations:
  tickets: {{http: {{url: "{tickets}"}}}}
rules:
  - name: count
    events: [call.ended]
    severity: warning
    summary: "three calls"
    count: {{at_least: 3, within: 1m}}
    send_to: [tickets]
  - name: absent
    events: [call.started]
    severity: warning
    summary: "no end"
    absent: {{event: call.ended, for: 1s, by: [event.source]}}
    send_to: [tickets]
"""
EVENTS = ["call.started", "call.ended", "call.ended", "call.ended"]


async def test_the_main_job_needs_no_further_right(tmp_path: Path) -> None:
    """Mutant seen to fail: the rule lacks ZRANGEBYSCORE."""
    with RedisServer(tmp_path / "redis") as server:
        rule = acl_rule(server.version[:2])  # type: ignore[arg-type]
        server.ask("ACL", "SETUSER", "least", "reset", "on", ">pw", *rule.split())
        server.ask("ACL", "LOG", "RESET")
        async with HttpSink() as tickets:
            (tmp_path / "rules").mkdir()
            (tmp_path / "rules" / "rules.yaml").write_text(RULES.format(tickets=tickets.url))
            environ = {
                "ROUTER_REDIS_URL": f"redis://least:pw@127.0.0.1:{server.port}/0?client_name=router",
                "ROUTER_RULES": str(tmp_path / "rules"),
                "ROUTER_PORT": "0",
                "ROUTER_EVENTS_OPEN": "yes",
            }
            async with RouterProcess("run", environ=environ) as process:
                await send(process.url)
                await until(lambda: asyncio.sleep(0, tickets.requests))
        with server.client() as client:
            denied = {entry["object"] for entry in client.acl_log()}

    assert denied == {"config|get"}  # which the router asks for once, and works without


async def send(url: str) -> None:
    headers = {"Content-Type": "application/cloudevents+json"}
    async with aiohttp.ClientSession(headers=headers) as http:
        for number, kind in enumerate(EVENTS):
            event = {"specversion": "1.0", "id": f"{number}", "source": "s", "type": kind}
            async with http.post(f"{url}/events", json=event) as response:
                assert response.status == 202, await response.text()
