"""The rights that the user of a connection lacks."""

from typing import Final

from redis.exceptions import NoPermissionError

from router.errors import JournalUnavailableError
from router.journal.access_rights import RIGHTS, AccessRight, missing, probes_of
from router.journal.connection import Connection
from router.journal.script import PlainArguments, Script, ScriptKeys, pack

_SCRIPT_COMMANDS: Final = frozenset({"EVAL", "EVALSHA"})


async def missing_rights(connection: Connection) -> tuple[AccessRight, ...]:
    """Return the rights that the connection's user lacks, in the order of ``RIGHTS``.

    Nothing is written, and the user needs no right to run ACL: a script compares its own rights. A user
    that may run no scripts gets these rights alone, because the others cannot be compared then. A right
    with an ``option`` matters only if that is used.

    Raises:
        JournalUnavailableError: Redis did not answer, or for another reason than a right.
    """
    probes = probes_of(RIGHTS)
    commands = pack([probe.command for probe in probes])
    try:
        denied = await connection.run(_CHECK_RIGHTS(_Keys(), _Arguments(commands)))
    except JournalUnavailableError as error:
        if isinstance(error.__cause__, NoPermissionError):
            return tuple(right for right in RIGHTS if right.name in _SCRIPT_COMMANDS)
        raise
    return missing(probes, denied)


class _Keys(ScriptKeys, frozen=True):
    pass


class _Arguments(PlainArguments, frozen=True):
    commands: bytes
    """The probes of rights, packed: a list of commands."""


_CHECK_RIGHTS: Final = Script("check_rights", _Keys, _Arguments)
