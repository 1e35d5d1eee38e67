"""The rights that the user of a connection lacks, of all those on the list.

A process compares those that it needs (``router.journal.store_check``); none needs all of them.
"""

from typing import Final

from redis.exceptions import NoPermissionError

from router.errors import JournalUnavailableError
from router.journal.access_rights import RIGHTS, AccessRight, missing, probes_of
from router.journal.connection import Connection
from router.journal.script import SCRIPTS, PlainArguments, Script, ScriptKeys, pack

_SCRIPT_COMMANDS: Final = frozenset({"EVAL", "EVALSHA"})
_COMPARISON, _, _WRITES = (SCRIPTS / "probe.lua").read_text("utf-8").partition("if #denied")
assert _WRITES


async def missing_rights(connection: Connection) -> tuple[AccessRight, ...]:
    """Return the rights that the connection's user lacks, in the order of ``RIGHTS``.

    The first half of ``probe.lua`` compares them, and nothing is written. A user that may run no scripts
    lacks these rights alone, because the others cannot be compared then.

    Raises:
        JournalUnavailableError: Redis did not answer, or for another reason than a right.
    """
    probes = probes_of(RIGHTS)
    arguments = _Arguments("", pack([probe.command for probe in probes]))
    try:
        denied = await connection.run(_CHECK(_Keys(), arguments))
    except JournalUnavailableError as error:
        if isinstance(error.__cause__, NoPermissionError):
            return tuple(right for right in RIGHTS if right.name in _SCRIPT_COMMANDS)
        raise
    return missing(probes, denied)


class _Keys(ScriptKeys, frozen=True):
    """None, because a user may lack the right to those of the probe."""


class _Arguments(PlainArguments, frozen=True):
    epoch_id: str
    commands: bytes


_CHECK: Final = Script("compare_rights", _Keys, _Arguments, f"{_COMPARISON}return denied")
