"""The documented events of Twilio as data: types, their fields, units, values and examples.

One YAML file in ``twilio`` for each product. ``make schemas`` writes the Structs, the list of
types and docs/reference/events.md from these files; samples and JSON Schema descriptions read them when they
are asked for. A running router needs none of them.
"""

import functools
import re
from collections.abc import Mapping
from importlib.resources import files
from typing import Annotated, Any, Final, Literal

import msgspec

NAMED_TYPES: Final = ("text", "time", "phone", "int", "number", "bool", "any")
"""Types of a field besides ``sid XX``, ``[type]``, ``{type}`` and the name of a Struct."""
ORDER: Final = (
    *("conference", "call", "call_metrics", "parts", "messaging", "error_logs", "task_router"),
    *("voice_requests", "studio", "verification", "conversations", "a2p", "toll_free"),
    *("link_shortening", "video_rooms", "super_sim", "account_events"),
)
"""The files in the order in which types are listed."""
SID: Final = re.compile(r"sid ([A-Z]{2})")
_WRAPPED: Final = re.compile(r"\[(.+)]|\{(.+)}")


class FieldDefinition(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A documented field."""

    type: str = "text"
    """``text``, ``time`` (ISO 8601 text), ``phone``, ``sid CA``, ``int``, ``number``, ``bool``,
    ``any``, a Struct's name, ``[type]`` for a list or ``{type}`` for a map of texts to it."""
    about: str
    required: bool = False
    """Whether each event has the field and it is not null."""
    enum: tuple[str, ...] = ()
    """The texts of which the value must be one."""
    unit: str = ""
    example: Any = msgspec.UNSET
    """``$type`` is the event type; ``$none`` leaves the field out of samples."""
    unchecked: str = ""
    """Why the shape of an ``any`` is not known."""

    @property
    def inner(self) -> str:
        """The type of the innermost element of lists and maps."""
        return innermost(self.type)


class StructDefinition(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An object with documented fields."""

    about: str
    schema: str = ""
    """Twilio's name and version of the schema; empty for a part of others."""
    fields: dict[str, FieldDefinition]


class SampleEnvelope(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The form of an event's id and source in samples."""

    id: Annotated[str, msgspec.Meta(pattern="^[A-Z]{2}$")]
    """Prefix of the id."""
    source: str
    """``{path}`` is the value of a field of ``data``."""


class EventType(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A documented event type."""

    about: str
    data: str = ""
    """The Struct that describes ``data``; empty if its fields are not known."""
    schema: str = ""
    """Twilio's schema if it is not that of the Struct."""
    status: Literal["available", "deprecated", "discontinued", "restricted"] = "available"
    sample: dict[str, Any] = {}
    """Values of a sample by path, in place of the fields' examples; null leaves the field out."""
    envelope: SampleEnvelope | None = None


class Product(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The content of one file."""

    product: str
    about: str
    source: str
    """The public pages and schemas from which the file was written."""
    envelope: SampleEnvelope
    types: dict[str, EventType] = {}
    structs: dict[str, StructDefinition] = {}


def innermost(type_: str) -> str:
    """Return the type of the elements of nested lists and maps."""
    while wrapped := _WRAPPED.fullmatch(type_):
        type_ = wrapped[1] or wrapped[2]
    return type_


@functools.cache
def product(module: str) -> Product:
    """Return the content of ``twilio/<module>.yaml``."""
    text = (files("router.events.schemas") / "twilio" / f"{module}.yaml").read_bytes()
    return msgspec.yaml.decode(text, type=Product)


def products() -> Mapping[str, Product]:
    """Return all products by the module that has their Structs."""
    return {name: product(name) for name in ORDER}


def structs() -> Mapping[str, tuple[str, StructDefinition]]:
    """Return all Structs by name, each with its module."""
    return {
        name: (module, struct)
        for module, each in products().items()
        for name, struct in each.structs.items()
    }
