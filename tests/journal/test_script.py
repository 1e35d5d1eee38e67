"""Each Lua script names its keys and arguments as its Structs in Python do."""

import importlib
import pkgutil
import re
import typing
from pathlib import Path

import msgspec
import pytest

import router
import router.journal
from router.journal.script import (
    ALERT_LOG,
    ALERT_STORE,
    ALLOW_OOM,
    HISTORY,
    LANES,
    PRELUDE,
    SCRIPTS,
    PackedArguments,
    PlainArguments,
    Script,
    ScriptKeys,
    binary,
    pack,
)

FILES = sorted(Path(str(SCRIPTS)).glob("*.lua"))
SOURCES = sorted(Path(router.__file__).parent.rglob("*.lua"))
DESIGN = Path(__file__).parents[2] / "docs" / "explanation" / "design.md"
HEADER = re.compile(r"\Alocal ([\w,\s]+) =\s+unpack\(KEYS\)\n|\Alocal (\w+) = KEYS\n")
PLAIN = re.compile(r"^local ([\w,\s]+) =\s+unpack\(ARGV(?:, 1, (\d+))?\)\n", re.MULTILINE)
ITEM = re.compile(r"local ([\w,\s]+) =\s+unpack\((?:(?!KEYS|ARGV)\w+|cmsgpack\.unpack\(\w+\))\)\n")
PACKED = "\nlocal arguments = cmsgpack.unpack(unpack(ARGV))\n"


def scripts() -> dict[str, Script[ScriptKeys, PlainArguments | PackedArguments]]:
    """Return every script that a module of the journal calls, by its name."""
    found = {}
    for module in pkgutil.iter_modules(router.journal.__path__, "router.journal."):
        for value in vars(importlib.import_module(module.name)).values():
            if isinstance(value, Script):
                found[value.name] = value
    return found


SCRIPTS_BY_NAME = scripts()


def names(listed: str) -> tuple[str, ...]:
    return tuple(re.split(r",\s*", listed))


def code(source: str) -> str:
    """Return a script without its comments."""
    return re.sub(r"--[^\n]*", "", own(source))


def own(source: str) -> str:
    """Return a script without what precedes it."""
    return (
        source.removeprefix(ALLOW_OOM)
        .removeprefix(PRELUDE)
        .removeprefix(LANES)
        .removeprefix(ALERT_LOG)
        .removeprefix(ALERT_STORE)
        .removeprefix(HISTORY)
    )


LETS_IN: dict[str, str] = {
    "accept": "events",
    "add_silence": "silences",
    "probe": "nothing; it fails as accept does",
    "record_test": "Twilio's sink tests",
    "add_series": "counts for plots",
    "open_test": "test messages",
    "acknowledge": "messages that an alert is acknowledged",
    "show_alert": "what a page shows",
    "replay": "dead letters that an operator sends again",
    "set_timer": "rows that rules expect, and what an operator asks of a worker",
    "replay_quarantined": "quarantined events that an operator sends again",
    "replay_events": "events of history that an operator sends again",
}
"""Scripts that a Redis without memory rejects, and what they would let in."""
READS_ONLY = {"find_history", "find_open", "read_alerts", "read_page", "standing"}


@pytest.mark.fault_row(12)
@pytest.mark.parametrize("name", SCRIPTS_BY_NAME)
def test_a_script_runs_without_memory_unless_it_lets_something_in(name: str) -> None:
    """Mutant: ``retry.lua`` without its first line."""
    allowed = SCRIPTS_BY_NAME[name].source.startswith(ALLOW_OOM)

    assert allowed is (name not in LETS_IN and name not in READS_ONLY)


@pytest.mark.parametrize("name", SCRIPTS_BY_NAME)
def test_what_a_script_adds_without_memory_is_documented(name: str) -> None:
    """In the table of docs/explanation/design.md, because nothing else limits it."""
    rows = re.findall(r"^\| (`.*?`) \| ", DESIGN.read_text(), re.MULTILINE)
    documented = {word for row in rows for word in re.findall(r"`([a-z_*]+)`", row)}
    allowed = SCRIPTS_BY_NAME[name].source.startswith(ALLOW_OOM)

    assert not allowed or documented & {name, re.sub(r"^shard_.*", "shard_*", name)}


def test_each_file_has_a_caller_and_each_caller_a_file() -> None:
    assert {path.stem for path in FILES} == {
        *("prelude", "lanes", "alert_log", "alert_store", "history"),
        *SCRIPTS_BY_NAME,
    } - {
        "decide",
        "standing",
    }


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_no_key_and_no_argument_is_read_by_its_position(path: Path) -> None:
    assert re.findall(r"(?:KEYS|ARGV)\s*\[", code(path.read_text())) == []


@pytest.mark.parametrize("name", SCRIPTS_BY_NAME)
def test_the_keys_of_a_script_are_those_of_its_struct(name: str) -> None:
    script = SCRIPTS_BY_NAME[name]
    fields = script.keys.__struct_fields__
    if not fields:
        assert "KEYS" not in code(script.source)
        return
    header = HEADER.match(own(script.source))
    assert header is not None
    listed, single = header.groups()

    assert names(listed or single) == fields
    hints = typing.get_type_hints(script.keys)
    is_list = [typing.get_origin(hints[field]) is tuple for field in fields]
    assert is_list == ([True] if single else [False] * len(fields))


@pytest.mark.parametrize("name", SCRIPTS_BY_NAME)
def test_the_arguments_of_a_script_are_those_of_its_struct(name: str) -> None:
    script = SCRIPTS_BY_NAME[name]
    source = code(SCRIPTS_BY_NAME[name].source)

    if issubclass(script.arguments, PlainArguments):
        ((listed, last),) = PLAIN.findall(source)
        assert names(listed) == script.arguments.__struct_fields__
        assert last in {"", str(len(script.arguments.__struct_fields__))}
        assert source.count("ARGV") == 1 or last
    else:
        assert source.count(PACKED) == source.count("ARGV") == 1
        used = set(re.findall(r"\barguments\.(\w+)", source))
        assert used == set(script.arguments.__struct_fields__)


@pytest.mark.parametrize("name", SCRIPTS_BY_NAME)
def test_the_elements_of_packed_lists_are_named_as_their_structs(name: str) -> None:
    module = importlib.import_module(SCRIPTS_BY_NAME[name].arguments.__module__)
    arrays = {
        value.__struct_fields__
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, msgspec.Struct)
        and value.__struct_config__.array_like
    }

    listed = ITEM.findall(code(SCRIPTS_BY_NAME[name].source))

    assert {names(each) for each in listed} <= arrays


async def test_lua_reads_what_python_packs(connection: object) -> None:
    values = {
        "text": "räume",
        "bytes": binary(bytes(range(256)) * 300),
        "number": 2**53,
        "negative": -(2**40),
        "list": [1, ["a", True]],
        "none": None,
    }
    source = """
        local a = cmsgpack.unpack(unpack(ARGV))
        return {a.text, a.bytes, string.format('%.0f', a.number), string.format('%.0f', a.negative),
                #a.list, a.list[2][1], tostring(a.list[2][2]), tostring(a.none)}
    """
    reply = await connection.redis.eval(source, 0, pack(values))  # type: ignore[attr-defined]

    assert reply == [
        "räume".encode(),
        bytes(range(256)) * 300,
        b"9007199254740992",
        b"-1099511627776",
        2,
        b"a",
        b"true",
        b"nil",
    ]
