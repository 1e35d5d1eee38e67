"""The operator API of destinations."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from support.rules_folder import RulesFolder
from support.running import post_batch, running, settings_for, worker_of
from support.sinks import HttpSink, Reply
from support.waiting import until

from router.api.destination_views import HealthState, health_of
from router.clock import Clock
from router.datatypes import Secret
from router.journal.connection import Connection
from router.journal.destination_health import CircuitRecord, DestinationHealth, LastError
from router.journal.pauses import PauseKind, Pauses
from router.journal.series import Additions, Series
from router.runtime.roles import Roles
from router.settings.tokens import Tokens

Ask = Callable[..., Awaitable[tuple[int, Any]]]


async def test_a_destination_is_paused_and_resumed(ask: Ask, connection: Connection) -> None:
    order = {"reason": "they move house", "by": "ann"}
    assert await ask("POST", "destinations/slack/pause", json=order) == (200, {"state": "paused"})
    assert (await ask("POST", "destinations/slack/pause"))[0] == 409
    assert (await ask("POST", "destinations/unknown/pause"))[0] == 404
    assert (await Pauses(connection).all())["slack"].by == "ann"
    _, answer = await ask("GET", "destinations")
    assert [(each["name"], each["state"]) for each in answer["destinations"]] == [
        ("mail", "running"),
        ("slack", "paused"),
    ]

    assert await ask("POST", "destinations/slack/resume") == (200, {"state": "running"})
    assert (await ask("POST", "destinations/slack/resume"))[0] == 409


CLOSED, HALF_OPEN, OPEN = (CircuitRecord(state, 1) for state in range(3))


@pytest.mark.parametrize(
    ("pause", "circuit", "delivered", "failed", "health"),
    [
        (None, CLOSED, 0, 0, HealthState.OK),
        (None, CLOSED, 9, 8, HealthState.OK),
        (None, CLOSED, 9, 9, HealthState.FAILING),
        (None, CLOSED, 0, 1, HealthState.FAILING),
        (None, OPEN, 9, 0, HealthState.CIRCUIT_OPEN),
        (None, HALF_OPEN, 9, 0, HealthState.CIRCUIT_OPEN),
        (PauseKind.PAUSED, OPEN, 0, 9, HealthState.PAUSED),
        (PauseKind.REFUSED, OPEN, 0, 9, HealthState.PAUSED),
        (PauseKind.DISABLED, OPEN, 0, 9, HealthState.DISABLED),
    ],
)
def test_the_health_of_a_destination_in_one_word(
    pause: PauseKind | None,
    circuit: CircuitRecord,
    delivered: int,
    failed: int,
    health: HealthState,
) -> None:
    assert health_of(pause, circuit, delivered=delivered, failed=failed) is health


async def test_destinations_are_shown_with_what_workers_report(
    ask: Ask, connection: Connection, clock: Clock
) -> None:
    counts = {"delivery_attempts/mail/delivered": 2, "delivery_attempts/mail/retried": 20}
    await Series(connection, clock).add("one", [Additions(1, counts)])
    error = LastError(at=clock.now(), reason="HTTP 503", status=503)
    circuit = CircuitRecord(2, int((clock.now() + 5) * 1000))
    await DestinationHealth(connection, clock).report("one", {"mail": circuit}, {"mail": error})

    status, mail = await ask("GET", "destinations/mail")
    assert status == 200
    assert (mail["health"], mail["circuit"], mail["circuit_open_until"]) == (
        "circuit open",
        "open",
        "2023-11-14T22:13:25.000Z",
    )
    assert mail["last_error"]["reason"] == "HTTP 503"
    assert mail["last_success_at"] == "2023-11-14T22:13:20.000Z"
    assert (len(mail["delivered_by_minute"]), mail["dead"], mail["delivered"]) == (60, 5, 0)
    _, slack = await ask("GET", "destinations/slack")
    assert (slack["health"], slack["last_error"], slack["last_success_at"]) == ("ok", None, None)
    assert (await ask("GET", "destinations/snail"))[0] == 404


async def test_a_paused_destination_is_not_retried(ask: Ask) -> None:
    assert await ask("POST", "destinations/slack/retry-now") == (200, {"retried": 0})
    await ask("POST", "destinations/slack/pause")
    assert (await ask("POST", "destinations/slack/retry-now"))[0] == 409


RULES = """
destinations:
  tickets:
    http: {{url: "{url}", retry: {{first: 1h, longest: 1h}}, breaker: {{failures: 1, open_for: 1h, longest: 1h}}}}
rules:
  - {{name: all, events: ["*"], send_to: [tickets]}}
"""
TOKEN = "operator-token-of-the-test"


async def test_a_receiver_that_is_well_again_gets_what_waited(
    redis_url: Secret, sample: bytes, tmp_path: Path
) -> None:
    """Its circuit and its retry would wait for an hour. Mutants: either of them is left."""
    folder = RulesFolder(tmp_path / "rules")
    async with HttpSink(Reply(503)) as tickets:
        folder.write(all=RULES.format(url=tickets.url))
        settings = settings_for(redis_url, admin_token=Tokens.of(Secret(TOKEN)))
        roles = Roles(port=0, ingress=True, worker=worker_of(folder.path, settings))
        async with (
            running(settings, roles) as router,
            aiohttp.ClientSession(
                f"{router.url}/api/v1/", headers={"Authorization": f"Bearer {TOKEN}"}
            ) as http,
        ):
            await post_batch(router, [sample])

            async def open_circuit() -> Any:
                async with http.get("destinations/tickets") as response:
                    shown = await response.json()
                return shown if shown["circuit"] == "open" else None

            shown = await until(open_circuit)
            assert (shown["pending"], shown["last_error"]["status"]) == (1, 503)

            async def is_retried() -> bool:  # once the failed attempt is recorded
                async with http.post("destinations/tickets/retry-now") as response:
                    return bool(await response.json() == {"retried": 1})

            await until(is_retried)

            async def is_delivered() -> bool:
                return len(tickets.requests) == 2

            await until(is_delivered)
