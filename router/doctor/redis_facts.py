"""The facts about Redis that the doctor judges, gathered with few commands."""

import contextlib
from typing import Any, Final

import msgspec

from router.clock import Clock
from router.destinations.transport.name_resolver import NameResolver
from router.doctor.redis_reach import RedisReach, reach_redis, redis_address
from router.errors import JournalUnavailableError
from router.journal import schema
from router.journal.access_rights import WORKER_RIGHTS
from router.journal.connection import Connection
from router.journal.round_trips import ClockOffset, Latency, measure_clock, measure_latency
from router.journal.sentinel_report import SentinelReport, report_sentinels
from router.journal.store_check import StoreCheck, StoreProbe
from router.runtime.build_ingress import confirmation
from router.settings.model import Settings

_REACH_SECONDS: Final = 5.0


class RedisFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The state of a Redis at one time."""

    reach: RedisReach | None = None
    """The steps to a connection; None for a URL with several servers."""
    sentinels: tuple[SentinelReport, ...] = ()
    """The answers of the sentinels of the URL; none for a URL without."""
    store: StoreCheck = StoreCheck()
    """The check that ``/readyz`` and the start of a process make."""
    is_answering: bool = False
    latency: Latency | None = None
    clock: ClockOffset | None = None
    schema_version: int | None = None
    """The version of the records; None if nothing was ever stored, or Redis did not answer."""
    set_max_intset_entries: int | None = None
    """None if Redis does not permit CONFIG."""

    @property
    def info(self) -> dict[str, Any]:
        """Redis's INFO; empty if it gave none."""
        return self.store.info


async def read_redis_facts(
    connection: Connection, settings: Settings, clock: Clock, names: NameResolver
) -> RedisFacts:
    """Connect to Redis step by step, and ask it. Does not raise: what is not known is left out.

    It writes what each check by a process writes: the time of the check, and the identity of an empty store.
    """
    address = redis_address(settings.redis_url)
    reach = None if address is None else await reach_redis(address, names, seconds=_REACH_SECONDS)
    if reach is not None and reach.failed is not None:
        return RedisFacts(reach=reach)
    sentinels = () if address is not None else await report_sentinels(settings.redis_url)
    probe = StoreProbe(connection, clock.new_id, WORKER_RIGHTS, confirmation(settings))
    store = await probe.check()
    is_answering = store.facts is not None or bool(store.info)
    facts = RedisFacts(reach=reach, sentinels=sentinels, store=store, is_answering=is_answering)
    if not is_answering:
        return facts
    # Each may be forbidden, and the others are known nevertheless.
    with contextlib.suppress(JournalUnavailableError):
        latency = await measure_latency(connection, clock.monotonic)
        facts = msgspec.structs.replace(facts, latency=latency)
    with contextlib.suppress(JournalUnavailableError):
        facts = msgspec.structs.replace(facts, clock=await measure_clock(connection, clock))
    with contextlib.suppress(JournalUnavailableError):
        version = await schema.stored_version(connection)
        facts = msgspec.structs.replace(facts, schema_version=version)
    with contextlib.suppress(JournalUnavailableError):
        entries = await _intset_entries(connection)
        facts = msgspec.structs.replace(facts, set_max_intset_entries=entries)
    return facts


async def _intset_entries(connection: Connection) -> int | None:
    found = await connection.ask(connection.redis.config_get("set-max-intset-entries"))
    value = {_text(name): _text(each) for name, each in found.items()}.get("set-max-intset-entries")
    return int(value) if value and value.isdigit() else None


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
