"""A check of Redis: could it store an event now, may it lose one, and is it the store it was.

The check writes, because nothing else shows that Redis takes writes: a Redis whose disk is full, a
replica, and one that lacks replicas all answer a PING. One round trip has all parts.
"""

import logging
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec
from redis.exceptions import NoPermissionError, RedisError

from router.errors import JournalUnavailableError
from router.journal import keys, redis_adapter, redis_health
from router.journal.access_rights import (
    INGRESS_RIGHTS,
    OLDEST,
    AccessRight,
    grants,
    missing,
    probes_of,
)
from router.journal.confirmation import NO_CONFIRMATION, Confirmation
from router.journal.connection import Connection, unavailable
from router.journal.connection_faults import ConnectionFault, network_fault
from router.journal.redis_adapter import Command
from router.journal.script import PlainArguments, Script, ScriptCall, ScriptKeys, pack
from router.journal.second_connection import second_opinion
from router.journal.sentinel import no_primary_error
from router.journal.store_errors import (
    CLUSTER_MODE,
    READONLY,
    StoreError,
    store_error,
    unknown_commands,
)
from router.journal.tls_faults import tls_fault
from router.journal.unreadable import text_of

logger = logging.getLogger(__name__)

_INFO: Final[Command] = ("INFO", "server", "memory", "persistence", "replication")
_NO_INFO: Final = (
    "Redis forbids the user of ROUTER_REDIS_URL INFO, so that its memory is unknown; grant +info"
)
_SENTINEL: Final = ConnectionFault(
    "is not what answers at the port in ROUTER_REDIS_URL, but a sentinel",
    "write redis+sentinel://host1,host2/service/0",
)
_APPENDFSYNC: Final[Command] = ("CONFIG", "GET", "appendfsync")


class StoreFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The identity of a store and of its history."""

    epoch: str
    """Written once into an empty store: Unix seconds and an id."""
    accepted: int
    """Events that this store has accepted, by its ledger."""
    replication_id: str = ""
    """The id of the history of its data; changes when a replica becomes the primary."""
    former_replication_id: str = ""
    """The id of the history that it followed as a replica."""
    offset: int = 0
    """Bytes of the history, as replicas count them."""
    former_offset: int = 0
    """The last byte of the former history that it has."""

    @property
    def created_at(self) -> float:
        """When the store was empty for the last time, in Unix seconds."""
        try:
            return float(self.epoch.partition("-")[0])
        except ValueError:  # a damaged record
            return 0.0


class StoreCheck(msgspec.Struct, frozen=True, kw_only=True):
    """The result of one check."""

    refusal: str = ""
    """Why Redis would not store an event now, with the next step; ``""`` if it would."""
    is_setup: bool = False
    """Whether only an operator can end that state."""
    is_url_wrong: bool = False
    """Whether ROUTER_REDIS_URL does not fit this Redis."""
    is_connection_wrong: bool = False
    """Whether no connection opened, or the server ended it: ``refusal`` has the reason."""
    durability_problems: tuple[str, ...] = ()
    info: dict[str, Any] = {}
    """Redis's INFO; empty if it gave none."""
    facts: StoreFacts | None = None
    """None if Redis refused the check."""

    @property
    def is_replica(self) -> bool:
        """Whether it is a replica. One that takes writes loses them."""
        return self.info.get("role") == "slave"


class _Refusal(msgspec.Struct, frozen=True):
    """Why Redis would not store an event, as the fields of ``StoreCheck`` say."""

    text: str = ""
    is_setup: bool = False
    is_url_wrong: bool = False


class StoreProbe:
    """Checks Redis.

    Args:
        connection: A connection to Redis.
        new_id: Returns an id for the epoch of an empty store.
        rights: The rights that the process needs.
        confirmation: The replicas and disks that must have a commit before it is acknowledged.
    """

    def __init__(
        self,
        connection: Connection,
        new_id: Callable[[], str],
        rights: Sequence[AccessRight] = INGRESS_RIGHTS,
        confirmation: Confirmation = NO_CONFIRMATION,
    ) -> None:
        self._connection = connection
        self._new_id = new_id
        self._probes = probes_of(rights)
        self._commands = pack([probe.command for probe in self._probes])
        self._confirmation = confirmation
        self._may_read_settings = True
        self._may_ask_again = True

    async def check(self) -> StoreCheck:
        """Check Redis once. One that does not answer is a refusal, and no error."""
        confirm = self._confirmation.commands
        settings_asked = [_APPENDFSYNC] if self._may_read_settings else []
        try:
            probed, *replies = await self._connection.exchange(
                self._call(), [*confirm, _INFO, *settings_asked]
            )
        except JournalUnavailableError as error:
            return await self._unanswered(error)
        self._may_ask_again = False
        confirmed, (info_reply, *settings) = replies[: len(confirm)], replies[len(confirm) :]
        if settings and isinstance(settings[0], RedisError):
            # Managed services forbid CONFIG. Not asked again, because each refusal is logged there.
            if is_forbidden(settings[0]):
                self._may_read_settings = False
                logger.info("appendfsync not checked: Redis forbids CONFIG GET")
            settings = []
        info = {} if isinstance(info_reply, RedisError) else parse_info(info_reply)
        refusal = _of_info(info_reply) or self._refusal(probed, info)
        if confirmed and not refusal.text:
            refusal = _Refusal(self._confirmation.shortfall(confirmed[0]))
        return StoreCheck(
            refusal=refusal.text,
            is_setup=refusal.is_setup,
            is_url_wrong=refusal.is_url_wrong,
            durability_problems=_durability_problems(info_reply, info, settings),
            info=info,
            facts=None if isinstance(probed, RedisError) or not probed[0] else _facts(probed, info),
        )

    async def _unanswered(self, error: JournalUnavailableError) -> StoreCheck:
        cause = error.__cause__ or error
        nowhere = no_primary_error(error)
        found = store_error(cause) or tls_fault(cause)
        if found is None and nowhere is None and self._may_ask_again:
            self._may_ask_again = False
            options = redis_adapter.connection_options(self._connection.redis)
            found = await second_opinion(options, cause)
        found = found or network_fault(cause)
        return StoreCheck(
            refusal=str(found or error),
            is_setup=found is not None and found.is_setup,
            is_connection_wrong=isinstance(found, ConnectionFault),
            is_url_wrong=(isinstance(found, StoreError) and found.is_url_wrong)
            or (nowhere is not None and nowhere.is_url_wrong),
        )

    def _call(self) -> ScriptCall:
        return _PROBE(
            _ProbeKeys(keys.PROBE, keys.EPOCH, keys.LEDGER),
            _ProbeArguments(self._new_id(), self._commands),
        )

    def _refusal(self, probed: Any, info: dict[str, Any]) -> _Refusal:
        """Return why an event could not be stored."""
        if _mode(info) == "sentinel":
            return _Refusal(str(_SENTINEL), is_setup=True, is_url_wrong=True)
        if _mode(info) == "cluster":
            return _Refusal(str(CLUSTER_MODE), is_setup=True, is_url_wrong=True)
        if info.get("role") == "slave":  # first, because a writable replica loses what it is given
            return _Refusal(str(READONLY), is_setup=True)
        if isinstance(probed, RedisError):
            state = store_error(probed)
            return _Refusal(
                str(unavailable(probed)),
                is_setup=state is not None and state.is_setup,
                is_url_wrong=state is not None and state.is_url_wrong,
            )
        if probed[3]:
            names = dict.fromkeys(self._probes[position].command[0] for position in probed[3])
            return _Refusal(str(unknown_commands(" ".join(names))), is_setup=True)
        lacking = missing(self._probes, probed[2])
        return _Refusal(forbidden_text(lacking), is_setup=True) if lacking else _Refusal()


def _mode(info: dict[str, Any]) -> str:
    """Return standalone, sentinel or cluster. Valkey 9 has another name for the field."""
    return str(info.get("redis_mode") or info.get("server_mode") or "")


def _of_info(reply: Any) -> _Refusal | None:
    """Return why INFO is an error; None if it is none. Versions before 7.0 take one section only."""
    if not isinstance(reply, RedisError):
        return None
    if "syntax error" in str(reply):
        return _Refusal(
            f"Redis is too old; use {OLDEST[0]}.{OLDEST[1]} or later, or Valkey", is_setup=True
        )
    state = store_error(reply)
    if state is None or isinstance(reply, NoPermissionError):
        return _Refusal(_NO_INFO, is_setup=True)
    return _Refusal(str(state), is_setup=state.is_setup, is_url_wrong=state.is_url_wrong)


def parse_info(reply: Any) -> dict[str, Any]:
    """Return the fields of INFO as texts. redis-py's public API has parsed the reply already."""
    if isinstance(reply, dict):
        return reply
    lines = (line.partition(":") for line in reply.decode(errors="replace").splitlines())
    return {name: text for name, colon, text in lines if colon}


def is_forbidden(error: RedisError) -> bool:
    """Return whether Redis rejected a command because it does not know or permit it."""
    return isinstance(error, NoPermissionError) or "unknown command" in str(error)


def forbidden_text(lacking: Sequence[AccessRight]) -> str:
    """Return that the user lacks rights, with the next step."""
    names = " ".join(right.name for right in lacking)
    return f"Redis forbids the user of ROUTER_REDIS_URL {names}; grant the user {grants(lacking)}"


def _durability_problems(
    info_reply: Any, info: dict[str, Any], settings: Sequence[Any]
) -> tuple[str, ...]:
    if isinstance(info_reply, RedisError) or _mode(info) == "sentinel":
        return ()
    found = redis_health.durability_problems(info)
    if settings and _value(settings[0], "appendfsync") == "no":
        found.append(
            "appendfsync is no, so a crash of the machine loses half a minute of events:"
            " set it to everysec or always"
        )
    return tuple(found)


def _value(reply: Any, name: str) -> str:
    """Return a setting out of the reply to CONFIG GET, a list or a map; ``""`` if it has none."""
    if isinstance(reply, dict):
        value = reply.get(name) or reply.get(name.encode(), "")
    else:
        value = reply[1] if len(reply) > 1 else ""
    return value.decode() if isinstance(value, bytes) else str(value)


def _facts(probed: Sequence[bytes], info: dict[str, Any]) -> StoreFacts:
    return StoreFacts(
        epoch=text_of(probed[0]),
        accepted=int(probed[1]),
        replication_id=str(info.get("master_replid", "")),
        former_replication_id=str(info.get("master_replid2", "")),
        offset=int(info.get("master_repl_offset", 0)),
        former_offset=int(info.get("second_repl_offset", 0)) - 1,
    )


class _ProbeKeys(ScriptKeys, frozen=True):
    probe: str
    epoch: str
    ledger: str


class _ProbeArguments(PlainArguments, frozen=True):
    epoch_id: str
    commands: bytes
    """The probes of rights, packed: a list of commands."""


_PROBE: Final = Script("probe", _ProbeKeys, _ProbeArguments)
