"""From events to a mail server that is slow and accepts few connections."""

from pathlib import Path

import aiohttp
import msgspec
from support.mail_field import FieldSmtpSink
from support.rules_folder import RulesFolder
from support.running import running, settings_for, worker_of
from support.waiting import until

from router.datatypes import Secret
from router.runtime.roles import Roles

COUNT = 60
RULES = """
rules:
  - name: every
    events: ["*"]
    summary: "{{ data }}"
"""


async def test_sixty_alerts_at_once_arrive_once_each_and_use_up_no_attempt(
    redis_url: Secret, tmp_path: Path
) -> None:
    """Case D15: three connections at most, and a reply to each mail that takes its time."""
    folder = RulesFolder(tmp_path / "rules")
    async with FieldSmtpSink() as sink:
        sink.max_connections = 3
        sink.data_seconds = 0.06
        mail = f"to: [noc@example.com], from: r@example.com, smtp_url: '{sink.url()}'"
        folder.write(
            destinations=f"destinations:\n  mail: {{email: {{{mail}}}}}\n",
            rules=RULES + "    send_to: [mail]\n",
        )
        settings = settings_for(redis_url)
        roles = Roles(port=0, ingress=True, worker=worker_of(folder.path, settings))
        async with running(settings, roles) as router:
            await post(router.url, COUNT)
            mails = await sink.receive(COUNT)

            async def are_settled() -> bool:
                return (
                    router.metric(
                        "router_deliveries_total", destination="mail", outcome="delivered"
                    )
                    == COUNT
                )

            await until(are_settled)
            assert len({each.message()["Subject"] for each in mails}) == len(sink.mails) == COUNT
            retried = {"destination": "mail", "outcome": "retried"}
            assert router.metric("router_delivery_attempts_total", **retried) == 0
            assert router.metric("router_circuit_state", destination="mail") == 0


async def post(url: str, count: int) -> None:
    events = [
        {
            "specversion": "1.0",
            "id": f"{number}",
            "source": "test",
            "type": "test.alert",
            "data": f"no. {number}",
        }
        for number in range(count)
    ]
    headers = {"Content-Type": "application/cloudevents-batch+json"}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.post(f"{url}/events", data=msgspec.json.encode(events)) as response,
    ):
        assert response.status == 202
