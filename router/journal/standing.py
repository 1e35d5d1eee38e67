"""The figures of rules as they stand in Redis, read without a change: for ``router explain``."""

from collections.abc import Sequence
from importlib.resources import files
from typing import Final

import msgspec

from router.alerts import Measurement
from router.journal import keys
from router.journal.connection import Connection
from router.journal.script import PlainArguments, Script, ScriptKeys, pack
from router.rules.state.measured import measurement
from router.rules.state.step import Step

_FOLDER: Final = files("router.rules.state")


class _StandingKeys(ScriptKeys, frozen=True):
    places: tuple[str, ...]
    """The record of each step."""


class _StandingArguments(PlainArguments, frozen=True):
    state: str
    """Prefix of all records."""
    program: bytes
    """The steps: a msgpack list."""


_STANDING: Final = Script(
    "standing",
    _StandingKeys,
    _StandingArguments,
    "\n".join(
        (_FOLDER / f"{name}.lua").read_text("utf-8")
        for name in ("standing_prelude", "window", "measure", "standing")
    ),
)


async def standing(connection: Connection, steps: Sequence[Step]) -> list[Measurement | None]:
    """Return what each step has measured by now, without its event; None if it has nothing.

    Raises JournalUnavailableError.
    """
    # Steps that measure have one record, whose place is their first two fields.
    measuring = [each for each in steps if type(each).standing is not Step.standing]
    if not measuring:
        return [None] * len(steps)
    fields = map(msgspec.structs.astuple, measuring)
    places = tuple(f"{keys.STATE}{state}:{key}" for state, key, *_ in fields)
    call = _STANDING(_StandingKeys(places), _StandingArguments(keys.STATE, pack(measuring)))
    replies = await connection.run(call)
    words = dict(zip(map(id, measuring), replies, strict=True))
    return [
        measurement([word.decode() for word in found]) if found else None
        for found in (words.get(id(step)) for step in steps)
    ]
