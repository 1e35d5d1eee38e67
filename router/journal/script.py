"""Lua scripts: each is one transaction, and its keys and arguments have names.

A script is a file of ``scripts/``. Its first line names its keys, the next one its arguments:

    local record, open_work, queue = unpack(KEYS)
    local arguments = cmsgpack.unpack(unpack(ARGV))

Two Structs in Python have the same names, and the tests compare them for every script. Arguments
take one of two forms:

- ``PackedArguments`` are one msgpack map, so that numbers, lists and maps arrive in Lua as such.
  Lua has no integers but doubles: a number over 2^53 must be passed as text, and so must one that
  Lua joins to a string, because it writes more than 14 digits in exponential form. The cmsgpack
  library of Redis and Valkey does not know msgpack's binary type: ``binary`` makes a string of
  bytes. An element of a list is an array, which the script names by one ``unpack`` as well.
- ``PlainArguments`` are one argument for each field, and all of them are strings in Lua:

      local job_record, wake_channel = unpack(ARGV)

  Redis reads them faster by 2 to 4 µs a call (12 fields; Redis 7.0 and Valkey 9.1), so the scripts
  that run for each commit, batch, set or poll take this form. A list in them is packed by itself.

Keys whose number depends on the data are named in the arguments, because every key of the router
is on the same server (arq does not support Redis Cluster).

``prelude.lua`` precedes each script: it has the functions that several scripts share. ``lanes.lua``
follows it in those that use lanes, ``alert_log.lua`` in those that note a change of a keyed alert,
``alert_store.lua`` in those that forget keyed alerts, and ``history.lua`` in those that use history.

Redis rejects a script that writes while its memory is over maxmemory, unless its first line is
``ALLOW_OOM``. Scripts that free memory or move records have that line, because a full Redis drains
by nothing else; docs/explanation/design.md says what bounds the memory that they add. Scripts that let something
in (``accept``, ``replay``, a silence) do not have it.
"""

import hashlib
import re
from collections.abc import Callable, Sequence
from importlib.resources import files
from typing import Any, Final, Generic, TypeVar

import msgspec

SCRIPTS: Final = files("router.journal") / "scripts"
PRELUDE: Final = (SCRIPTS / "prelude.lua").read_text("utf-8")
LANES: Final = (SCRIPTS / "lanes.lua").read_text("utf-8")
ALERT_LOG: Final = (SCRIPTS / "alert_log.lua").read_text("utf-8")
ALERT_STORE: Final = (SCRIPTS / "alert_store.lua").read_text("utf-8")
HISTORY: Final = (SCRIPTS / "history.lua").read_text("utf-8")
ALLOW_OOM: Final = "#!lua flags=allow-oom\n"
"""The first line of a script that runs while Redis is out of memory. Redis 7.0 and later, and Valkey,
read it only where it begins the source."""
pack: Final[Callable[[Any], bytes]] = msgspec.msgpack.encode


_USES_LANES: Final = re.compile(r"\b(?:use_lanes|forget_lane)\(")
_NOTES_CHANGES: Final = re.compile(r"\bnote_change\(")
_FORGETS_ALERTS: Final = re.compile(r"\bforget_alert\(")
_USES_HISTORY: Final = re.compile(r"\b(?:record_history|evict_oldest)\(")


def binary(data: bytes) -> msgspec.Raw:
    """Return bytes as a msgpack string, for a field that ``pack`` encodes."""
    return msgspec.Raw(b"\xdb" + len(data).to_bytes(4, "big") + data)


class ScriptKeys(msgspec.Struct, frozen=True):
    """Base of a script's keys. A field that is a tuple is the only one: all keys of the script."""


class PlainArguments(msgspec.Struct, frozen=True):
    """Base of arguments that are passed one by one."""


class PackedArguments(msgspec.Struct, frozen=True):
    """Base of arguments that are passed as one msgpack map."""


class IdAndRecord(msgspec.Struct, frozen=True, array_like=True):
    """An element of a packed list."""

    id: str
    record: msgspec.Raw


def _with_prelude(script: str) -> str:
    flags = ALLOW_OOM if script.startswith(ALLOW_OOM) else ""
    # Not before each script, because Lua creates the functions at each call.
    lanes = LANES if _USES_LANES.search(script) else ""
    alert_log = ALERT_LOG if _NOTES_CHANGES.search(script) else ""
    alert_store = ALERT_STORE if _FORGETS_ALERTS.search(script) else ""
    history = HISTORY if _USES_HISTORY.search(script) else ""
    shared = PRELUDE + lanes + alert_log + alert_store + history
    return flags + shared + script.removeprefix(flags)


K = TypeVar("K", bound=ScriptKeys)
A = TypeVar("A", bound=PlainArguments | PackedArguments)


class ScriptCall:
    """One run of a script: its keys and arguments."""

    __slots__ = ("arguments", "keys", "script")

    def __init__(
        self, script: "Script[Any, Any]", keys: Sequence[str], arguments: Sequence[Any]
    ) -> None:
        self.script = script
        self.keys = keys
        self.arguments = arguments

    def by_hash(self) -> tuple[Any, ...]:
        """Return the command that runs the script, if Redis has it already."""
        return ("EVALSHA", self.script.sha, len(self.keys), *self.keys, *self.arguments)

    def by_source(self) -> tuple[Any, ...]:
        """Return the command that loads the script and runs it."""
        return ("EVAL", self.script.source, len(self.keys), *self.keys, *self.arguments)


class Script(Generic[K, A]):
    """A transaction, called by its hash.

    Args:
        name: The name of a file of ``scripts/``, without ``.lua``.
        keys: The Struct of the keys.
        arguments: The Struct of the arguments.
        source: The script, if it is not a file of ``scripts/``. No prelude precedes it.
    """

    def __init__(
        self, name: str, keys: type[K], arguments: type[A], source: str | None = None
    ) -> None:
        self.name = name
        self.keys = keys
        self.arguments = arguments
        self.source = source or _with_prelude((SCRIPTS / f"{name}.lua").read_text("utf-8"))
        # Redis names scripts by their SHA-1; it protects nothing.
        self.sha = hashlib.sha1(self.source.encode(), usedforsecurity=False).hexdigest()
        self._has_key_list = len(keys.__struct_fields__) == 1
        self._is_packed = issubclass(arguments, PackedArguments)

    def __call__(self, keys: K, arguments: A, more: Sequence[Any] = ()) -> ScriptCall:
        """Return a call of the script with these keys and arguments.

        ``more`` are long arguments after the named ones; a packed list says where each is in ARGV.
        """
        names = msgspec.structs.astuple(keys)
        if self._has_key_list and isinstance(names[0], tuple):
            (names,) = names
        if self._is_packed:
            return ScriptCall(self, names, (pack(arguments),))
        return ScriptCall(self, names, (*msgspec.structs.astuple(arguments), *more))
