"""The rules that processes use: of which fingerprint, on which machine.

Each process that uses a rules folder records it again and again (``router.runtime.rules_presence``), so that
``router doctor`` finds a machine that was left out of a rollout. Nothing else depends on it.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from router.clock import Clock
from router.journal import keys
from router.journal.connection import Connection
from router.journal.script import PlainArguments, Script, ScriptKeys
from router.journal.unreadable import text_of

LASTS_SECONDS: Final = 60
"""How long what a process has recorded is stored."""
_MOST_READ: Final = 200


class RulesInUse(msgspec.Struct, frozen=True, kw_only=True):
    """The rules of the processes of a machine; two in a machine whose processes differ."""

    generation: str
    """The fingerprint of the rules folder."""
    host: str
    """The name of the machine, or of the container."""

    @property
    def member(self) -> str:
        """The text that is stored."""
        return f"{self.generation} {self.host}"


class RulesInUseRecord:
    """Records and reads the rules in use. All methods raise JournalUnavailableError.

    Args:
        connection: To Redis.
        clock: Time.
    """

    def __init__(self, connection: Connection, clock: Clock) -> None:
        self._connection = connection
        self._set_ms = clock.journal_ms

    async def record(self, rules: RulesInUse, *, instead_of: RulesInUse | None = None) -> None:
        """Record the rules of this process, and that those before are not its own any more."""
        former = "" if instead_of is None or instead_of == rules else instead_of.member
        await self._connection.run(
            _USE_RULES(
                _UseRulesKeys(keys.RULES_IN_USE),
                _UseRulesArguments(
                    member=rules.member,
                    former=former,
                    lasts_ms=LASTS_SECONDS * 1000,
                    set_ms=self._set_ms(),
                ),
            )
        )

    async def read(self) -> Sequence[RulesInUse]:
        """Return the rules that were recorded in the last minute, the latest first."""
        redis = self._connection.redis
        found: list[bytes] = await self._connection.ask(
            redis.zrevrange(keys.RULES_IN_USE, 0, _MOST_READ - 1)
        )
        parts = [text_of(each).partition(" ") for each in found]
        return [RulesInUse(generation=generation, host=host) for generation, _, host in parts]


class _UseRulesKeys(ScriptKeys, frozen=True):
    in_use: str


class _UseRulesArguments(PlainArguments, frozen=True):
    member: str
    former: str
    lasts_ms: int
    set_ms: int


_USE_RULES: Final = Script("use_rules", _UseRulesKeys, _UseRulesArguments)
