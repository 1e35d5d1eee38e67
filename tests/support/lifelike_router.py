"""A router after an afternoon with Twilio's events, the same each time: for screenshots of the console."""

import contextlib
import hashlib
import itertools
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final
from unittest import mock

import msgspec

from router.alerts import Delivery, Preview
from router.clock import Clock
from router.configuration.load import ConfigurationSource
from router.configuration.variables import MissingVariable
from router.console.inbox import Inbox
from router.datatypes import Secret
from router.events.model import Malformed, Received
from router.journal.batches import Batches
from router.journal.connection import Connection, connect
from router.journal.redis_clock import RedisClock
from router.journal.series import Additions, Series
from router.journal.source_log import RefusedRequest, SourceAddition, SourceLog
from router.runtime.roles import Roles
from router.settings.tokens import Tokens
from router.timestamps import unix_seconds
from router.worker.series import differences
from support.console_router import until_recorded
from support.console_visit import ConsoleVisit, visiting
from support.running import Running, post_batch, running, settings_for, worker_of
from support.sinks import HttpSink, Reply
from support.waiting import until

OPERATOR: Final = "token-of-alice-for-screenshots"
VIEWER: Final = "token-of-the-wall-for-screenshots"
SHOWN_AT: Final = "2026-03-02T14:32:07Z"
_STEPS: Final = 24
_STEP: Final = 130.0
_PREFIX: Final = "com.twilio.voice.insights"
_ROOMS: Final = ("Weekly Standup", "Support line 4", "Board meeting", "Sales demo", "Night shift")
_REGIONS: Final = ("us1", "us2", "ie1", "de1")
_STATUSES: Final = ("completed",) * 9 + ("summary_timeout",)
_TRUNKS: Final = """
rules:
  - name: trunk-down
    description: A SIP trunk does not answer the router's probes.
    events: [com.example.trunk.down]
    resolve: {events: [com.example.trunk.up], by: [data.trunk]}
    remind: 4h
    escalate: {after: 15m, send_to: [noc-mail]}
    severity: critical
    labels: {team: voice, runbook: trunks}
    send_to: [voice-oncall, tickets]
    summary: "Trunk {{ data.trunk }} ({{ data.carrier }}) is down"

  - name: trunk-flapping
    description: A trunk stays down for ten minutes.
    events: [com.example.trunk.down]
    resolve: {events: [com.example.trunk.up], by: [data.trunk]}
    pending: 10m
    severity: warning
    labels: {team: carriers}
    send_to: [noc-mail]
    summary: "Trunk {{ data.trunk }} has been down for ten minutes"
"""


_SENDERS: Final = """
sources:
  github: {preset: github, verify: {secret: "${GITHUB_SECRET}"}}
  alertmanager: {preset: alertmanager, verify: {bearer: {token: "${ALERTMANAGER_TOKEN}"}}}
  crm:
    verify: {hmac: {secret: "${CRM_SECRET}", header: X-Signature, prefix: "sha256="}}
    split: body.items
    event: {type: '"com.crm." + item.kind', id: item.id, time: item.at, subject: item.account}
    rate: 100/s
  shop: {preset: shopify, verify: {secret: "${SHOP_SECRET}"}}
"""


class ShiftedClock:
    """Time that passes as it does, from a start that steps forward; ids and chance are always the same."""

    def __init__(self, start: float) -> None:
        self._ahead = start - time.monotonic()
        self._ids = itertools.count(1)
        self._chance = random.Random(7)  # noqa: S311 - nothing is secret here

    def now(self) -> float:
        return time.monotonic() + self._ahead

    def go_to(self, at: float) -> None:
        self._ahead += max(at - self.now(), 0.0)

    def clock(self) -> Clock:
        return Clock(
            now=self.now,
            monotonic=time.monotonic,
            chance=self._chance.random,
            new_id=lambda: hashlib.sha256(str(next(self._ids)).encode()).hexdigest()[:24],
            journal_ms=lambda: int(self.now() * 1000),
        )


@asynccontextmanager
async def lifelike_router(
    redis_url: Secret, rules: Path, folder: Path, sample: bytes
) -> AsyncIterator[Running]:
    """Serve a router with the shipped rules, at ``SHOWN_AT``.

    Slack and mail are captured, for the inbox. Tickets are rejected, later the receiver is down.
    """
    for file in sorted(rules.glob("*.yaml")):  # noqa: ASYNC240 - before anything else runs
        (folder / file.name).write_text(file.read_text())
    (folder / "trunks.yaml").write_text(_TRUNKS)
    (folder / "senders.yaml").write_text(_SENDERS)
    time_of = ShiftedClock(unix_seconds(SHOWN_AT) - _STEPS * _STEP)
    clock = time_of.clock()
    rejected = Reply(status=422, body=b'{"error": "the project VOICE is archived"}')
    async with HttpSink(*[rejected] * 5, otherwise=Reply(status=503, body=b"down")) as tickets:
        secrets = dict.fromkeys(
            ("GITHUB_SECRET", "ALERTMANAGER_TOKEN", "CRM_SECRET"), "secret-for-screenshots"
        )
        environ = {
            **secrets,
            "TICKETS_URL": tickets.url,
            "TICKETS_SECRET": "whsec_" + "MfKQ9r8G" * 4,
        }
        settings = settings_for(
            redis_url,
            admin_token=Tokens.parse(f"alice={OPERATOR}"),
            viewer_token=Tokens.parse(f"wall={VIEWER}"),
            twilio_auth_tokens=(Secret("auth-token-for-screenshots"),),
            public_url="https://events.example.com",
        )
        inbox = Inbox()

        def capture(delivery: Delivery, preview: Preview) -> None:
            inbox.add(delivery, preview, at=delivery.alert.raised_at)

        source = ConfigurationSource(folder=folder, environ=environ, missing=MissingVariable.KEEP)
        worker = msgspec.structs.replace(
            worker_of(folder, settings, source=source), inbox=inbox, on_capture=capture
        )
        connection = connect(redis_url, deadline=5.0, max_connections=16)
        async with contextlib.aclosing(_closing(connection)):
            roles = Roles(port=0, ingress=True, worker=worker)
            with mock.patch.object(RedisClock, "measure", _no_measure):
                async with running(settings, roles, clock=clock) as router:
                    await _live(router, connection, time_of, sample)
                    yield router


async def _no_measure(_self: RedisClock) -> None:
    """Leave the process its own time, because Redis has the time of today."""


async def _closing(connection: Connection) -> AsyncIterator[None]:
    yield
    await connection.close()


async def _live(
    router: Running, connection: Connection, time_of: ShiftedClock, sample: bytes
) -> None:
    """Let events come, and two people act on what they raise."""
    begin = time_of.now()
    chance = random.Random(11)  # noqa: S311 - nothing is secret here
    count = 0
    async with visiting(router.url, OPERATOR) as visit:
        for step in range(_STEPS):
            time_of.go_to(begin + step * _STEP)
            bodies = [
                _conference(sample, step * 4 + n, chance) for n in range(chance.choice((1, 2, 3)))
            ]
            bodies += _trunk_events(step)
            if step == _STEPS - 1:
                # The one with which the playground begins.
                bodies.append(_conference(sample, 999, chance, is_bad=True))
            await post_batch(router, bodies)
            count += len(bodies)
            await until_recorded(connection, min(count, 50))
            await _act(visit, step)
        malformed = Malformed(
            "expected `str`, got `null`",
            "$.source",
            time_of.now(),
            b'{"specversion":"1.0","id":"EZ77","source":null,"type":"com.example.trunk.down"}',
        )
        batches = Batches(connection, time_of.clock())
        await batches.accept([Received([], [malformed])])
        time_of.go_to(unix_seconds(SHOWN_AT))
        await until(lambda: _has(visit, "/console/quarantine", "/console/quarantine/"))
        await until(lambda: _has(visit, _DEAD, "/console/dead-letters/tickets/"))
    await _count(connection, time_of)
    await _refuse(connection, time_of.clock())


_REFUSALS: Final = (
    (
        "the signature in X-Hub-Signature-256 does not match the request",
        "the secret is not that of the webhook's settings on GitHub",
        403,
        "140.82.115.7",
        40.0,
    ),
    (
        "the signature in X-Hub-Signature-256 does not match the request",
        "the secret is not that of the webhook's settings on GitHub",
        403,
        "140.82.115.9",
        95.0,
    ),
    (
        "the header X-Hub-Signature-256 is missing",
        "set the secret in the webhook's settings on GitHub: without it the sender signs nothing",
        401,
        "198.51.100.20",
        1260.0,
    ),
)


async def _refuse(connection: Connection, clock: Clock) -> None:
    """Let senders get through, and a webhook have a secret that was replaced."""
    now = clock.now()
    nine_days_ago = int((now - 9 * 86_400) * 1000)
    log = SourceLog(connection, msgspec.structs.replace(clock, journal_ms=lambda: nine_days_ago))
    refusals = tuple(
        RefusedRequest(
            at=now - ago,
            status=status,
            code="wrong_signature",
            reason=reason,
            hint=hint,
            client=client,
            path="/in/github",
            method="POST",
        )
        for reason, hint, status, client, ago in reversed(_REFUSALS)
    )
    github = SourceAddition(
        source="github",
        number=1,
        accepted=1840,
        refused=len(refusals),
        accepted_at=now - 7400,
        refused_at=refusals[-1].at,
        refusals=refusals,
    )
    others = [
        SourceAddition(source=name, number=1, accepted=count, accepted_at=now - ago)
        for name, count, ago in (
            ("twilio", 48_213, 2),
            ("alertmanager", 3120, 31),
            ("crm", 912, 420),
        )
    ]
    await log.add("before", [github, *others])
    counted = {
        "requests_refused/github/*": len(refusals),
        "events_received/alertmanager/accepted": 24,
        "events_received/crm/accepted": 11,
    }
    await Series(connection, clock).add("senders", [Additions(1, counted)])


_DEAD: Final = "/console/dead-letters?destination=tickets"


async def _has(visit: ConsoleVisit, path: str, start: str) -> bool:
    return f'href="{start}' in (await visit.get(path)).body


async def _act(visit: ConsoleVisit, step: int) -> None:
    """What the people on call do at a step."""
    if step == 12:
        await visit.get("/console/silences/new")
        comment = "carrier work on the trunks in Dublin, ticket 4711"
        fields = (("matchers", "rule=trunk-down\ndata.trunk=dub-1"), ("lasts", "4h"))
        await visit.post("/console/silences/new", *fields, ("comment", comment))
    if step == 16:
        page = await visit.get("/console/alerts?rule=trunk-down&text=fra-2")
        key = page.body.partition('name="select" value="')[2].partition('"')[0]
        await visit.post("/console/alerts", ("do", "acknowledge"), ("select", key))
    if step == 20:
        await visit.get("/console/destinations/noc-mail")
        fields = (("do", "pause"), ("reason", "the mail server moves at 14:15"))
        await visit.post("/console/destinations/noc-mail", *fields)
    if step == 22:
        await visit.get("/console/destinations/noc-mail")
        await visit.post("/console/destinations/noc-mail", ("do", "resume"))


def _trunk_events(step: int) -> list[bytes]:
    """The trunks that go down and come back."""
    happens = {
        3: ("down", "lon-1", "Example Telecom"),
        6: ("up", "lon-1", "Example Telecom"),
        9: ("down", "fra-2", "Beispiel Netz"),
        14: ("down", "dub-1", "Example Telecom"),
        19: ("down", "sfo-3", "Sample Mobile"),
        23: ("down", "lon-1", "Example Telecom"),
    }
    if step not in happens:
        return []
    state, trunk, carrier = happens[step]
    made = {
        "specversion": "1.0",
        "id": f"probe-{step:04}",
        "source": "/probes/eu",
        "type": f"com.example.trunk.{state}",
        "subject": trunk,
        "data": {"trunk": trunk, "carrier": carrier, "probes_lost": 3 if state == "down" else 0},
    }
    return [msgspec.json.encode(made)]


def _conference(
    sample: bytes, number: int, chance: random.Random, *, is_bad: bool = False
) -> bytes:
    """A conference as Twilio reports it; about one in four is worth an alert, and one that is bad."""
    made: dict[str, Any] = msgspec.json.decode(sample)
    sid = hashlib.sha256(str(number).encode()).hexdigest()
    made |= {"id": f"NO{sid[:32]}", "source": f"AC{'0' * 31}{number % 3}"}
    made["data"] |= {
        "conference_sid": f"CF{sid[32:]}",
        "account_sid": f"AC{'0' * 31}{number % 3}",
        "friendly_name": _ROOMS[number % len(_ROOMS)],
        "status": "completed" if is_bad else chance.choice(_STATUSES),
        "duration_seconds": chance.choice((300, 1800, 3600, 3600, 20000)),
        "mixer_region": chance.choice(("us1",) * 6 + _REGIONS),
        "mixer_region_requested": "us1",
        "max_concurrent_participants": chance.choice((2, 5, 8, 45)),
        "tags": [],
        "tag_info": {},
        "detected_issues": {
            "call_quality": 5 if is_bad else chance.choice((0, 0, 0, 1, 2, 5)),
            "region_configuration": 0,
            "participant_behavior": 0,
        },
    }
    return msgspec.json.encode(made)


async def _count(connection: Connection, time_of: ShiftedClock) -> None:
    """Write what the processes counted in a day, instead of what was counted in these seconds."""
    async for key in connection.redis.scan_iter("router:series:*"):
        await connection.redis.delete(key)
    chance = random.Random(3)  # noqa: S311 - nothing is secret here
    end = unix_seconds(SHOWN_AT)
    hours = [(end - 3600.0 * each, 360) for each in range(24, 3, -1)]
    minutes = [(end - 60.0 * each, 6) for each in range(178, 14, -1)]
    tens = [(end - 10.0 * each, 1) for each in range(89, -1, -1)]
    for number, (at, weight) in enumerate([*hours, *minutes, *tens], 1):
        # The ticket system has been down for twenty minutes.
        tickets = "retried" if end - at < 1200 else "delivered"
        busy = weight * (2 + (number % 19 > 9))
        matched = sum(chance.random() < 0.3 for _ in range(busy))
        counted = {
            ("events_received", "twilio", "accepted"): busy * 12 + chance.randrange(weight * 9),
            ("events_evaluated", "matched"): matched * 3,
            ("events_evaluated", "filtered"): busy * 10,
            ("rule_matches", "call-quality"): matched,
            ("alerts_notified", "call-quality"): matched // 2,
            ("alerts_suppressed", "call-quality", "cooldown"): matched - matched // 2,
            ("rule_matches", "mixer-region-mismatch"): matched // 2,
            ("alerts_notified", "mixer-region-mismatch"): matched // 3,
            ("rule_matches", "call-quality-burst"): matched // 3,
            ("rule_matches", "conference-unusually-long"): chance.randrange(busy) // 2,
            ("alerts_notified", "conference-unusually-long"): chance.randrange(busy) // 4,
            ("rule_matches", "trunk-down"): chance.randrange(60) // 59,
            ("delivery_attempts", "voice-oncall", "delivered"): matched // 2 + 1,
            ("delivery_attempts", "noc-mail", "delivered"): matched + chance.randrange(weight + 1),
            ("delivery_attempts", "tickets", tickets): chance.randrange(weight * 2),
        }
        clock = msgspec.structs.replace(time_of.clock(), journal_ms=lambda at=at: int(at * 1000))
        added = Additions(number, differences({}, counted))
        await Series(connection, clock).add("before", [added])
