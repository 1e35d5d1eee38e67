"""The conformance cases of cel-spec, read from its files, and our results."""

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from router.cel import (
    ERROR,
    ConditionError,
    Constant,
    compile_expression,
    identifier_problem,
)
from router.cel.values import DurationValue, TimestampValue, TypeValue, Uint, make_map
from support import textproto
from support.textproto import Message

FILES = (
    "basic",
    "comparisons",
    "conversions",
    "fields",
    "fp_math",
    "integer_math",
    "lists",
    "logic",
    "macros",
    "macros2",
    "parse",
    "plumbing",
    "string",
    "timestamps",
)
"""The files about values that JSON events have."""

_PROTO = re.compile(
    r"TestAllTypes|\bGlobalEnum|\bNestedEnum|google\.protobuf\.(?!Timestamp\b|Duration\b)\w+"
)
_TIMES = {"Timestamp": TimestampValue, "Duration": DurationValue}


class Case(msgspec.Struct, frozen=True):
    """One case. ``expected`` is ERROR if the case expects an error."""

    name: str
    """``file/section/test``."""
    expression: str
    names: dict[str, Constant]
    expected: Any


def folder() -> Path:
    """Return the folder of the files: CEL_SPEC, or one beside the repository."""
    beside = Path(__file__).parents[2].parent / "shared" / "data" / "cel-spec"
    return Path(os.environ.get("CEL_SPEC", beside))


def missing() -> str:
    """Return why the cases cannot run, or ``""`` if they can."""
    lacking = [name for name in FILES if not (folder() / f"{name}.textproto").is_file()]
    if not lacking:
        return ""
    return (
        f"{folder()} lacks {lacking[0]}.textproto; CEL_SPEC names the folder"
        " tests/simple/testdata of github.com/google/cel-spec"
    )


def core_cases() -> list[Case]:
    """Return the cases without messages and enums of protocol buffers."""
    return [case for name in FILES for case in _cases(name)]


def outcome(case: Case) -> Any:
    """Return our value of a case. ERROR also stands for an error of the compiler."""
    try:
        return compile_expression(case.expression, case.names).value({"data": {}})
    except ConditionError:
        return ERROR


def passes(case: Case) -> bool:
    return identical(outcome(case), case.expected)


def identical(one: Any, other: Any) -> bool:
    """Return whether two values have the same type and are equal. NaN equals NaN; -0.0 is not 0.0."""
    if one.__class__ is not other.__class__:
        return False
    if isinstance(one, float):
        return repr(one) == repr(other) or (one == other != 0)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(identical, one, other))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(identical(one[key], other[key]) for key in one)
    return one is other if one is ERROR else bool(one == other)


def _cases(file: str) -> Iterator[Case]:
    content = textproto.read((folder() / f"{file}.textproto").read_bytes())
    for section in content["section"]:
        for test in section["test"]:
            name = "/".join((file, _text(section["name"][0]), _text(test["name"][0])))
            expression = _text(test["expr"][0])
            if not _PROTO.search(expression) and not _PROTO.search(str(test)):
                yield Case(name, expression, dict(_names(test)), _expected(test))


def _names(test: Message) -> Iterator[tuple[str, Constant]]:
    for binding in test.get("bindings", []):
        name = _text(binding["key"][0])
        if identifier_problem(name) is None:
            yield name, Constant(_value(binding["value"][0]["value"][0]))


def _expected(test: Message) -> Any:
    return ERROR if "eval_error" in test else _value(test.get("value", [{}])[0])


def _value(message: Message) -> Any:
    ((kind, (value,)),) = message.items()
    return _VALUES[kind](value)


def _list(message: Message) -> Any:
    return [_value(each) for each in message.get("values", [])]


def _map(message: Message) -> Any:
    entries = message.get("entries", [])
    return make_map((_value(each["key"][0]), _value(each["value"][0])) for each in entries)


def _time(message: Message) -> Any:
    ((kind, (value,)),) = message.items()
    seconds, nanoseconds = (int(value.get(part, ["0"])[0]) for part in ("seconds", "nanos"))
    return _TIMES[kind.strip("[]").rpartition(".")[2]](seconds * 10**9 + nanoseconds)


def _text(value: bytes) -> str:
    return value.decode()


_VALUES: dict[str, Callable[[Any], Any]] = {
    "null_value": lambda _: None,
    "bool_value": lambda word: word == "true",
    "int64_value": int,
    "uint64_value": Uint,
    "double_value": float,
    "string_value": _text,
    "bytes_value": bytes,
    "type_value": lambda name: TypeValue(_text(name)),
    "list_value": _list,
    "map_value": _map,
    "object_value": _time,
}
