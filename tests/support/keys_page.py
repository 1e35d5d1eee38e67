"""``docs/reference/keys.md``: each key of a rules file, from the JSON Schema and the docstrings of the options.

A part of the schema is named by the path at which a reader meets it first, such as ``rules[].count``.
"""

import ast
import functools
import inspect
import json
import re
import textwrap
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import msgspec

from router.configuration.json_schema import json_schema

PAGE: Final = Path(__file__).parents[2] / "docs" / "reference" / "keys.md"
_INTRODUCTION: Final = """\
# Keys of the rules folder

Each key that a file of the [rules folder](rules.md#the-folder) may have, with its type and default. [Rules](rules.md),
[destinations](destinations.md) and [sources](sources.md) explain them with examples. A key that is not here is an error.
`router schema rules` prints the same as a JSON Schema for editors; `make reference` writes this page from it.

A duration is a number with a unit: `500ms`, `10s`, `1h30m`, `7d`. In a path, `[]` is an element of a list and `*` a name of
your own.
"""
_ORDER: Final = sorted(
    json_schema()["properties"],
    key=lambda name: (name != "rules", name in {"destinations", "sources"}),
)
"""Rules first, because other sections share their parts."""
_DURATION: Final = ["500ms", "10s", "1h30m"]
_SECRET: Final = ["${NAME_OF_A_VARIABLE}"]


def keys_page() -> str:
    """Return the text of the page."""
    schema = json_schema()
    paths = _paths(schema)
    top = "".join(f"| `{key}` | {_type(schema['properties'][key], paths)} |\n" for key in _ORDER)
    sections = "".join(
        _section(path, name, schema["$defs"][name], paths) for name, path in paths.items()
    )
    return (
        f"{_INTRODUCTION}\n## Sections of a file\n\n| key | contents |\n|---|---|\n{top}{sections}"
    )


def _paths(schema: Mapping[str, Any]) -> dict[str, str]:
    """Return the path of each definition that has keys, in the order in which a reader meets them."""
    paths: dict[str, str] = {}

    def visit(part: Any, path: str) -> None:
        for name in _references(part):
            below = schema["$defs"][name]
            if name not in paths and "properties" in below:
                paths[name] = path
                for key, each in below["properties"].items():
                    visit(each, f"{path}.{key}")
        for inner, suffix in _inner(part):
            visit(inner, path + suffix)

    for key in _ORDER:
        visit(schema["properties"][key], key)
    return paths


def _references(part: Mapping[str, Any]) -> Iterator[str]:
    if "$ref" in part:
        yield part["$ref"].rpartition("/")[2]
    for option in part.get("anyOf", ()):
        yield from _references(option)


def _inner(part: Mapping[str, Any]) -> Iterator[tuple[Mapping[str, Any], str]]:
    """Yield what a list, a map, or an object without a name of its own has inside."""
    if isinstance(part.get("items"), dict):
        yield part["items"], "[]"
    if isinstance(part.get("additionalProperties"), dict):
        yield part["additionalProperties"], ".*"
    for key, each in part.get("properties", {}).items():
        yield each, f".{key}"
    for option in part.get("anyOf", ()):
        yield from _inner(option)


def _section(path: str, name: str, part: Mapping[str, Any], paths: Mapping[str, str]) -> str:
    meanings = docstrings(name)
    required = part.get("required", ())
    rows = "".join(
        f"| `{key}` | {_type(each, paths) or 'any value'} | {_default(each, is_required=key in required)} |"
        f" {_cell(each.get('description') or meanings.get(key) or _described(each))} |\n"
        for key, each in part["properties"].items()
    )
    return (
        f"\n## `{path}`\n\n{_cell(part.get('description', ''))}\n\n"
        f"| key | type | default | meaning |\n|---|---|---|---|\n{rows}"
    )


def _described(part: Mapping[str, Any]) -> str:
    """Return what a part of a file is, from the definition that it refers to."""
    names = [*_references(part)]
    return json_schema()["$defs"][names[0]].get("description", "") if names else ""


def _type(part: Mapping[str, Any], paths: Mapping[str, str]) -> str:
    if "$ref" in part:
        return _named(part["$ref"].rpartition("/")[2], paths)
    if "const" in part:
        return f"`{part['const']}`"
    if "enum" in part:
        return ", ".join(f"`{value}`" for value in part["enum"])
    if "anyOf" in part:
        options = [_type(option, paths) for option in part["anyOf"]]
        return " or ".join(dict.fromkeys(option for option in options if option))
    return _plain(part, paths)


def _named(name: str, paths: Mapping[str, str]) -> str:
    if name in paths:
        return f"[`{paths[name]}`](#{re.sub(r'[^a-z0-9_-]', '', paths[name])})"
    return _type(json_schema()["$defs"][name], paths)


def _plain(part: Mapping[str, Any], paths: Mapping[str, str]) -> str:
    kind = part.get("type", "")
    if kind == "array":
        return f"list of {_type(part.get('items', {}), paths) or 'values'}"
    if kind == "object":
        return _object(part, paths)
    if part.get("examples") == _DURATION:
        return "duration"
    if part.get("examples") == _SECRET:
        return "secret: `${NAME}`"
    if "examples" in part:
        return " or ".join(f"`{each}`" for each in part["examples"])
    names = {
        "string": "text",
        "integer": "whole number",
        "boolean": "`true`, `false`",
        "null": "`null`",
    }
    kinds = kind if isinstance(kind, list) else [kind]
    return " or ".join(names.get(each, each) for each in kinds)


def _object(part: Mapping[str, Any], paths: Mapping[str, str]) -> str:
    inner = part.get("additionalProperties")
    if "properties" in part:
        parts = part["properties"]
        kinds = dict.fromkeys(_type(each, paths) for each in parts.values() if "$ref" in each)
        options = [f"`{key}`" for key, each in parts.items() if "$ref" not in each]
        with_preset = f", or options of the preset's verifier ({', '.join(options)})"
        return f"one of {', '.join(kinds)}{with_preset if options else ''}"
    if not isinstance(inner, dict):
        return "map"
    if set(inner) >= {"minProperties", "maxProperties"}:
        return f"by name, {_type(inner, paths)}"
    return f"map of {_type(inner, paths) or 'values'}"


def _default(part: Mapping[str, Any], *, is_required: bool) -> str:
    if is_required:
        return "required"
    default = part.get("default")
    if default is None or (not default and not isinstance(default, bool | int | float)):
        return ""
    return f"`{default}`" if isinstance(default, str) else f"`{json.dumps(default)}`"


def _cell(text: str) -> str:
    return " ".join(text.replace("``", "`").split()).replace("|", r"\|")


@functools.cache
def _structs() -> Mapping[str, type]:
    def below(struct: type) -> Iterator[type]:
        for each in struct.__subclasses__():
            yield each
            yield from below(each)

    # The schema is made of copies without docstrings.
    copies = json_schema.__module__
    return {each.__name__: each for each in below(msgspec.Struct) if each.__module__ != copies}


def docstrings(name: str) -> Mapping[str, str]:
    """Return the docstring of each field of a Struct, and of those that it inherits from."""
    found: dict[str, str] = {}
    for struct in reversed(_structs()[name].__mro__ if name in _structs() else ()):
        if struct.__module__.startswith("router."):
            found |= _own_docstrings(struct)
    return found


def _own_docstrings(struct: type) -> dict[str, str]:
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(struct)))
    except OSError:  # a Struct that was made of others; its schema has the descriptions
        return {}
    body = tree.body[0].body if isinstance(tree.body[0], ast.ClassDef) else []
    return {
        field.target.id.removesuffix("_"): str(text.value.value)
        for field, text in pairwise(body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
    }
