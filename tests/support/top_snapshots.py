"""Snapshots that the tests draw."""

from router.api.stats import QueueView
from router.top.snapshot import FiringLine, Rates, RedisFigures, TopDestination, TopSnapshot

RISE = [0] * 60 + [10 * step for step in range(30)]

BUSY = TopSnapshot(
    at=1_800_000_000.0,
    state="destination noc-mail is failing",
    attention="warning",
    advice="Deliveries wait and are attempted again. See what the receiver answered last.",
    rates=Rates(
        accepted=1234.4,
        filtered=1100.02,
        suppressed=12.5,
        matched=121.9,
        notified=60,
        delivered=98.7,
    ),
    rates_of_minute=Rates(accepted=0.017, filtered=0.017),
    accepted=RISE,
    delivered=[each // 3 for each in RISE],
    queues=[QueueView("evaluate", 12, 0.21), QueueView("timers", 0, 0.0)],
    destinations=[
        TopDestination(
            name="noc-mail",
            health="circuit open",
            pending=1200,
            oldest_age_seconds=310.0,
            delivered_per_second=0.0,
            dead=2,
            reason="connection refused by the mail server of the network operations centre",
        ),
        TopDestination(
            name="pager",
            health="paused",
            pending=3,
            oldest_age_seconds=90_000.0,
            delivered_per_second=None,
            dead=0,
            reason="they move\x1b[2J to another",
        ),
        *(
            TopDestination(
                name=f"hook-{number}",
                health="ok",
                pending=0,
                oldest_age_seconds=0.0,
                delivered_per_second=98.7 if number == 1 else 0.0,
                dead=0,
            )
            for number in range(1, 9)
        ),
    ],
    firing=[
        FiringLine(
            severity="critical",
            rule="call-quality",
            summary="5 call quality issues in conference 週次定例 with a long name that goes on",
            age_seconds=720.0,
            acknowledged_by="ann",
        ),
        FiringLine(
            severity="warning",
            rule="silent-trunk",
            summary="no call for 10 minutes\r\x1b]0;title\x07",
            age_seconds=12.3,
            suppressed="muted",
        ),
        *(
            FiringLine(severity="info", rule=f"rule-{number}", summary="", age_seconds=None)
            for number in range(6)
        ),
    ],
    firing_count=230,
    acknowledged_count=73,
    is_firing_complete=False,
    dead_letters=2,
    quarantined=0,
    redis=RedisFigures(
        latency_seconds=0.00031,
        memory_bytes=3 << 20,
        memory_limit_bytes=100 << 20,
        clock_offset_seconds=-2.4,
    ),
)
QUIET = TopSnapshot(
    at=1_800_000_000.0,
    state="all well",
    attention="good",
    rates=None,
    rates_of_minute=Rates(),
    accepted=[0] * 90,
    delivered=[0] * 90,
    queues=[QueueView("evaluate", 0, 0.0), QueueView("timers", 0, 0.0)],
    destinations=[],
    firing=[],
    firing_count=0,
    acknowledged_count=0,
    is_firing_complete=True,
    dead_letters=0,
    quarantined=0,
    redis=RedisFigures(
        latency_seconds=0.0001, memory_bytes=2 << 20, memory_limit_bytes=0, clock_offset_seconds=0.0
    ),
)
