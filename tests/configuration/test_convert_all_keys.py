"""Values that are errors in every key of the rules folder: none at all, and those that parsers disagree on."""

from collections.abc import Iterator
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import msgspec
import pytest
from support.documents import parse

from router.configuration.convert import Converter
from router.configuration.json_schema import json_schema
from router.configuration.load import SECTIONS, load
from router.configuration.readers.routes import RouteText
from router.configuration.readers.tables import TableText
from router.configuration.variables import NoVariables
from router.destinations.kinds import KINDS
from router.errors import RulesError
from router.offline.rule_tests import model
from router.offline.rule_tests.schema import json_schema as schema_of_tests
from router.rules.rule_text import DefaultsText, RuleText
from router.rules.schedules.schedule_text import ScheduleText
from router.rules.suppression.inhibitions import InhibitionText
from router.rules.suppression.mute_times import MuteTimeText
from router.rules.suppression.silences import SilenceText

WRITTEN = [
    RuleText,
    DefaultsText,
    RouteText,
    TableText,
    ScheduleText,
    MuteTimeText,
    InhibitionText,
    SilenceText,
    model.TestsFile,
    *(kind.config for kind in KINDS.values()),
]


def structs(kind: Any, seen: dict[type[msgspec.Struct], None]) -> None:
    """Add the Structs that a type is made of."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        if kind not in seen:
            seen[kind] = None
            for field in msgspec.structs.fields(kind):
                structs(field.type, seen)
    elif get_origin(kind) in {Annotated, Union, UnionType, tuple, list, dict}:
        for each in get_args(kind):
            structs(each, seen)


def keys() -> Iterator[tuple[type[msgspec.Struct], msgspec.structs.FieldInfo]]:
    """Yield each key of each Struct that a file of the rules folder is converted to."""
    seen: dict[type[msgspec.Struct], None] = {}
    for kind in WRITTEN:
        structs(kind, seen)
    for struct in seen:
        for field in msgspec.structs.fields(struct):
            yield struct, field


def key_of(name: str) -> str:
    """Return a key as YAML, in quotes if it is an operator."""
    return name if name.isidentifier() else f"'{name}'"


def positions_without_value(
    struct: type[msgspec.Struct], field: msgspec.structs.FieldInfo
) -> list[tuple[int, int]]:
    """Return where a key without a value is refused."""
    document, root = parse(f"# a comment\n{key_of(field.encode_name)}:\nother: 1\n")
    Converter(document, NoVariables()).convert(root, struct, "this")
    named = [each for each in document.diagnostics() if each.message.startswith(field.encode_name)]
    return [(each.line, each.column) for each in named]


def test_a_key_without_a_value_is_refused_at_its_position() -> None:
    """Case R6: all keys of rules, destinations, routes, silences, mute times, tables and tests."""
    refused = {
        (struct.__name__, field.encode_name): positions_without_value(struct, field)
        for struct, field in keys()
    }

    assert len(refused) > 300
    assert refused == {key: [(2, len(key_of(key[1])) + 2)] for key in refused}


def refusals(text: str) -> dict[tuple[str, str], bool]:
    """Return for each key whether this value is refused at its position."""
    refused = {}
    for struct, field in keys():
        document, root = parse(f"{key_of(field.encode_name)}: {text}\nother: 1\n")
        Converter(document, NoVariables()).convert(root, struct, "this")
        at = {(each.line, each.column) for each in document.diagnostics()}
        refused[struct.__name__, field.encode_name] = (1, len(key_of(field.encode_name)) + 3) in at
    return refused


@pytest.mark.parametrize("null", ["null", "~", "Null"])
def test_a_null_that_is_the_default_is_refused_too(null: str) -> None:
    """Case R6: `match: null` is as unfinished as `match:`; `rate: null` says that there is none."""
    permitted = {key for key, is_refused in refusals(null).items() if not is_refused}

    assert {name for _, name in permitted} == {"rate"}


TRAPS = ["1e3", "1.5e3", "0x1F", "1_000", "0777", "12:30:00", "yes", "off", "2026-11-24", "-.5"]


@pytest.mark.parametrize("text", TRAPS)
def test_a_value_that_parsers_disagree_on_is_refused_in_each_key(text: str) -> None:
    """Case R8."""
    assert set(refusals(text).values()) == {True}


@pytest.mark.parametrize(
    "place",
    [
        "rules: [{name: a, events: [e], send_to: [a], match: {data.a: VALUE}}]",
        "rules: [{name: a, events: [e], send_to: [a], match: {data.a: [1, VALUE]}}]",
        "rules: [{name: a, events: [e], send_to: [a], match: {data.a: {'<': VALUE}}}]",
        "rules: [{name: a, events: [e], send_to: [a], labels: {team: VALUE}}]",
        "rules: [{name: a, events: [e], send_to: [a], labels: {? VALUE : a}}]",
        "tables: {t: {rows: {k: {limit: VALUE}}}}",
        "tables: {t: {rows: {? VALUE : {limit: 1}}}}",
        "routes: [{match: {rule: [VALUE]}, send_to: [a]}]",
        "silences: [{match: {data.a: VALUE}, ends: x, author: a, comment: c}]",
    ],
)
def test_a_value_that_parsers_disagree_on_is_refused_in_maps(tmp_path: Path, place: str) -> None:
    """Case R8."""
    hints = {text: hints_of_trap(tmp_path, place, text) for text in TRAPS}

    assert {text: [hint[: len(text) + 8] for hint in hints[text]] for text in TRAPS} == {
        text: [f'write "{text}"'] for text in TRAPS
    }


def hints_of_trap(folder: Path, place: str, text: str) -> list[str]:
    """Return the hints of the diagnostics about a value in a folder that is refused."""
    text_of_folder = f"destinations: {{a: {{capture: {{}}}}}}\n{place.replace('VALUE', text)}\n"
    (folder / "a.yaml").write_text(text_of_folder)
    with pytest.raises(RulesError) as caught:
        load(folder, {})
    return [each.hint for each in caught.value.diagnostics if f"`{text}` without" in each.message]


RULE = "rules: [{name: a, events: [e], send_to: [a]}]\n"
RULES = f"destinations: {{a: {{capture: {{}}}}}}\n{RULE}"


@pytest.mark.parametrize(
    ("text", "position"),
    [
        *((f"{section.name}:\n", None) for section in SECTIONS),
        ("match:\n", "rules[0]"),
        ("match:\n      data.a:\n", "rules[0]"),
        ("match:\n      data.a:\n        - 1\n        -\n", "rules[0]"),
        ("match:\n      data.a: {'==': }\n", "rules[0]"),
        ("let:\n      a:\n", "rules[0]"),
        ("labels:\n      a:\n", "rules[0]"),
        ("escalate:\n      -\n", "rules[0]"),
        ("cooldown:\n      for:\n", "rules[0]"),
    ],
)
def test_a_folder_with_an_unfinished_key_is_refused(
    tmp_path: Path, text: str, position: str | None
) -> None:
    """Case R6."""
    rules = RULES if position is None else RULES.replace(RULE, "")
    if position is None:
        (tmp_path / "b.yaml").write_text(text)
    else:
        rules += f"rules:\n  - name: a\n    events: [e]\n    send_to: [a]\n    {text}"
    (tmp_path / "a.yaml").write_text(rules)

    with pytest.raises(RulesError):
        load(tmp_path, {})


def test_a_null_that_is_written_is_a_value(tmp_path: Path) -> None:
    text = RULES.replace("send_to: [a]}]", "send_to: [a], match: {data.x: null, data.y: [1, ~]}}]")
    (tmp_path / "a.yaml").write_text(text + "tables: {t: {rows: {k: {owner: null, tier: gold}}}}\n")

    (rule,) = load(tmp_path, {}).rules.rules

    assert rule.condition is not None
    assert rule.condition.source == "data.x == null && data.y in [1, null]"


def nullable(schema: Any, path: str = "") -> Iterator[str]:
    """Yield the keys that a schema permits to be null."""
    for key, value in schema.items() if isinstance(schema, dict) else ():
        here = f"{path}.{key}"
        if key == "anyOf" and {"type": "null"} in value:
            yield path.rpartition(".")[2]
        for each in value if isinstance(value, list) else [value]:
            yield from nullable(each, here)


@pytest.mark.parametrize("schema", [json_schema, schema_of_tests], ids=["rules", "tests"])
def test_the_schema_for_editors_refuses_a_key_without_a_value(schema: Any) -> None:
    # A null in the map `fields` leaves a fact out.
    assert set(nullable(schema())) <= {"rate", "additionalProperties"}
