"""The Python modules of ``router/events/schemas`` from the YAML files in its folder ``twilio``."""

import builtins
import functools
import keyword
import re
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import msgspec

from router.events.schemas.definitions import (
    NAMED_TYPES,
    SID,
    FieldDefinition,
    Product,
    StructDefinition,
    products,
    structs,
)

ROOT: Final = Path(__file__).parents[2]
FOLDER: Final = ROOT / "router" / "events" / "schemas"
WRITTEN: Final = "Written by ``make schemas``"
INDEX: Final = "type_index"
"""The module that lists all types; no product has this name."""
_BASICS: Final = {"int": "int", "number": "float", "bool": "bool", "any": "Any"}
_RENAMINGS: Final = ("camel", "pascal")
_SHADOWED: Final = frozenset({"id", "type", "max", "min", "sum", "format", "property"})
"""Names of built-in functions that Structs may use, because a field is always read from a value."""


@functools.cache
def modules() -> Mapping[str, str]:
    """Return the text of each module by its file's name, as ruff formats it."""
    written = {f"{INDEX}.py": type_index()}
    for module, product in products().items():
        if product.structs:
            written[f"{module}.py"] = product_module(module, product)
    return formatted(written)


def formatted(texts: Mapping[str, str]) -> dict[str, str]:
    """Return modules as ruff sorts their imports and formats them."""
    ruff = [sys.executable, "-m", "ruff"]
    options = ["--quiet", "--config", str(ROOT / "pyproject.toml")]
    with tempfile.TemporaryDirectory() as folder:
        for name, text in texts.items():
            (Path(folder) / name).write_text(text)
        for command in (["check", "--fix", "--select", "I"], ["format"]):
            subprocess.run([*ruff, *command, *options, folder], check=True)  # noqa: S603 - ruff
        return {name: (Path(folder) / name).read_text() for name in texts}


def type_index() -> str:
    """Return the module that names the Struct of each type."""
    entries = [
        (event_type, f"{module}:{each.data}")
        for module, product in products().items()
        for event_type, each in product.types.items()
    ]
    check_types([name for name, _ in entries])
    lines = "\n".join(f'    "{name}": "{where}",' for name, where in entries)
    return f'''"""Twilio's event types, and which Struct describes the data of each.

{WRITTEN} from the files in ``twilio``: change those.
"""

from typing import Final

TYPES: Final[dict[str, str]] = {{
{lines}
}}
"""By type: ``module:Struct``; no Struct if the fields are not known. The file of ``twilio`` has the same name."""
'''


def check_types(names: list[str]) -> None:
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise ValueError(f"types in two products: {', '.join(sorted(twice))}")


def product_module(module: str, product: Product) -> str:
    """Return the module with the Structs of a product, each after those that it uses."""
    ordered = list(in_order(product.structs))
    classes = "\n\n".join(struct_class(name, product.structs[name]) for name in ordered)
    return f'''"""Data of {product.product} events: {product.about}.

{WRITTEN} from ``twilio/{module}.yaml``, which describes the fields: change that.

{textwrap.fill("Source: " + product.source.strip(), 98)}
"""

{imports(module, product)}

{classes}
'''


def in_order(definitions: Mapping[str, StructDefinition]) -> Iterator[str]:
    """Yield the Structs of a product, those first that others use."""
    done: set[str] = set()

    def visit(name: str, above: tuple[str, ...]) -> Iterator[str]:
        if name in above:
            raise ValueError(f"a Struct contains itself: {' → '.join([*above, name])}")
        if name in done or name not in definitions:
            return
        for field in definitions[name].fields.values():
            yield from visit(field.inner, (*above, name))
        done.add(name)
        yield name

    for each in definitions:
        yield from visit(each, ())


def imports(module: str, product: Product) -> str:
    """Return the import statements of a module."""
    fields = [field for each in product.structs.values() for field in each.fields.values()]
    names = [
        name
        for name, used in (
            ("Any", any(field.inner == "any" for field in fields)),
            ("Literal", any(field.enum for field in fields)),
        )
        if used
    ]
    lines = [f"from typing import {', '.join(names)}\n"] if names else []
    lines.append("import msgspec\n")
    others = {field.inner for field in fields} - {*product.structs, *NAMED_TYPES}
    places: dict[str, list[str]] = {}
    for other in sorted(each for each in others if not SID.fullmatch(each)):
        places.setdefault(structs()[other][0], []).append(other)
    lines += [
        f"from router.events.schemas.{place} import {', '.join(found)}"
        for place, found in sorted(places.items())
        if place != module
    ]
    return "\n".join(lines)


def struct_class(name: str, definition: StructDefinition) -> str:
    """Return the class statement of a Struct."""
    renaming = renaming_of(definition.fields)
    options = f', rename="{renaming}"' if renaming else ""
    lines = [
        f"class {name}(msgspec.Struct, frozen=True, kw_only=True{options}):",
        textwrap.indent(docstring(definition), "    "),
        "",
        *(f"    {statement(each, field, renaming)}" for each, field in definition.fields.items()),
        "",
    ]
    return "\n".join(lines)


def docstring(definition: StructDefinition) -> str:
    text = (
        f"``data`` of ``{definition.schema}``: {definition.about[0].lower()}{definition.about[1:]}"
    )
    about = " ".join((text if definition.schema else definition.about).split())
    about = re.sub(r"(?<!`)`([^`]+)`(?!`)", r"``\1``", about)
    if len(about) <= 88:
        return f'"""{about}"""'
    first, _, rest = about.partition(". ") if ". " in about else about.partition(": ")
    return f'"""{first.rstrip(".")}.\n\n{textwrap.fill(rest[0].upper() + rest[1:], 92)}\n"""'


def statement(name: str, field: FieldDefinition, renaming: str) -> str:
    """Return the annotation of a field with its default."""
    own = python_name(name)
    annotation = annotation_of(field)
    is_renamed = own != name and not renaming
    encoded = f'name="{name}"'
    if field.required:
        return f"{own}: {annotation}" + (f" = msgspec.field({encoded})" if is_renamed else "")
    if field.inner == "any" and field.type == "any":
        optional = annotation
    else:
        optional = f"{annotation} | None"
    default = f"msgspec.field(default=None, {encoded})" if is_renamed else "None"
    return f"{own}: {optional} = {default}"


def annotation_of(field: FieldDefinition) -> str:
    if field.enum:
        values = ", ".join(f'"{value}"' for value in field.enum)
        return field.type.replace(field.inner, f"Literal[{values}]")
    return annotated(field.type)


def annotated(type_: str) -> str:
    if type_.startswith("["):
        return f"list[{annotated(type_[1:-1])}]"
    if type_.startswith("{"):
        return f"dict[str, {annotated(type_[1:-1])}]"
    if type_ in NAMED_TYPES or SID.fullmatch(type_):
        return _BASICS.get(type_, "str")
    if type_ not in structs():
        raise ValueError(
            f"there is no type {type_!r}: {', '.join(NAMED_TYPES)}, sid XX or a Struct"
        )
    return type_


def renaming_of(fields: Mapping[str, FieldDefinition]) -> str:
    """Return msgspec's renaming if all names follow from those in Python by it."""
    if all(python_name(name) == name for name in fields):
        return ""
    for renaming in _RENAMINGS:
        if all(renamed(python_name(name), renaming) == name for name in fields):
            return renaming
    return ""


def renamed(name: str, renaming: str) -> str:
    """Return a field's name as msgspec encodes it."""
    probe = msgspec.defstruct("Probe", [(name, int)], rename=renaming)  # type: ignore[arg-type]
    return probe.__struct_encode_fields__[0]


def python_name(name: str) -> str:
    """Return a field's name as an attribute: in lower case with underscores, no keyword."""
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.replace("-", "_")).lower()
    is_taken = keyword.iskeyword(snake) or (hasattr(builtins, snake) and snake not in _SHADOWED)
    return f"{snake}_" if is_taken else snake
