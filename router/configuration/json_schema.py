"""JSON Schema of a rules file, for completion and checks in editors.

It is generated from the Structs that rules files are converted to, so the two always agree.
"""

import functools
import inspect
from collections.abc import Iterable
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Union, get_args, get_origin

import msgspec

from router.configuration.readers.routes import RouteText
from router.configuration.readers.source_text import SourceText
from router.configuration.readers.sources import preset_names, preset_parts
from router.configuration.readers.tables import NAME_PATTERN as TABLE_PATTERN
from router.configuration.readers.tables import TableText
from router.datatypes import ByteSize, Duration, Rate, Secret, Share
from router.destinations.kinds import KINDS
from router.rules.model import NAME_PATTERN
from router.rules.rule_text import DefaultsText, RuleText
from router.rules.schedules.schedule_text import ScheduleText
from router.rules.suppression.inhibitions import InhibitionText
from router.rules.suppression.mute_times import MuteTimeText
from router.rules.suppression.silences import SilenceText
from router.settings.environment import setting_text
from router.sources.verifiers.kinds import VERIFIERS

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_REFERENCES: Final = "#/$defs/{name}"
_WRITTEN: Final[dict[type, dict[str, Any]]] = {
    Duration: {"type": "string", "examples": ["500ms", "10s", "1h30m"]},
    ByteSize: {"type": ["string", "integer"], "examples": ["64KiB", "1MiB"]},
    Share: {"type": ["string", "number"], "examples": ["5%", 0.05]},
    Secret: {"type": "string", "examples": ["${NAME_OF_A_VARIABLE}"]},
}

_RATE_TEXT: Final = Annotated[str, msgspec.Meta(examples=["5/s", "100/m", "20/10s"])]
_SECRETS: Final = (Secret, tuple[Secret, ...])
_SECRET_TEXT = Annotated[str, msgspec.Meta(examples=["${NAME_OF_A_VARIABLE}"])]
_PRESET_OPTION: Final = {"description": "An option of the preset's verifier."}
_RULE_LIST: Final = {"type": "array", "items": {"type": "string"}, "minItems": 2}


def json_schema() -> dict[str, Any]:
    """Return the schema in JSON Schema 2020-12."""
    configs = {name: kind.config for name, kind in KINDS.items()}
    verifiers = {name: kind.config for name, kind in VERIFIERS.items()}
    items: list[type[msgspec.Struct]] = [
        *(RuleText, DefaultsText, RouteText, TableText, ScheduleText, MuteTimeText),
        *(InhibitionText, SilenceText),
        SourceText,
        *configs.values(),
        *verifiers.values(),
    ]
    schemas, definitions = described(items)
    rule, defaults, route, table, schedule, mute_time, inhibition, silence, source, *more = schemas
    kinds, options = more[: len(configs)], more[len(configs) :]
    _describe_source(definitions, dict(zip(verifiers, options, strict=True)))
    definitions["RecipientText"]["anyOf"] = [
        {"required": ["to"]},
        {"required": ["from", "otherwise"]},
    ]
    definitions["SilenceText"]["anyOf"] = [{"required": ["ends"]}, {"required": ["until_resolved"]}]
    destination = {
        "description": "A destination of alerts: its kind and the settings of the kind.",
        "type": "object",
        "properties": dict(zip(configs, kinds, strict=True)),
        "minProperties": 1,
        "maxProperties": 1,
        "additionalProperties": False,
    }
    return {
        "$schema": DIALECT,
        "title": "Rules file of the event router",
        "type": "object",
        "properties": {
            "destinations": {
                "type": "object",
                "propertyNames": {"pattern": NAME_PATTERN},
                "additionalProperties": destination,
            },
            "sources": {
                "type": "object",
                "propertyNames": {"pattern": NAME_PATTERN},
                "additionalProperties": source,
            },
            "tables": {
                "type": "object",
                "propertyNames": {"pattern": TABLE_PATTERN},
                "additionalProperties": table,
            },
            "defaults": defaults,
            "routes": {"type": "array", "items": route},
            "rules": {"type": "array", "items": rule},
            "schedules": {
                "type": "object",
                "propertyNames": {"pattern": NAME_PATTERN},
                "additionalProperties": schedule,
            },
            "first_of": {
                "description": "Rules of which the first that raises an alert of an event tells.",
                "anyOf": [_RULE_LIST, {"type": "array", "items": _RULE_LIST}],
            },
            "mute_times": {
                "type": "object",
                "propertyNames": {"pattern": NAME_PATTERN},
                "additionalProperties": mute_time,
            },
            "inhibitions": {"type": "array", "items": inhibition},
            "silences": {"type": "array", "items": silence},
        },
        "additionalProperties": False,
        "$defs": definitions,
    }


def _describe_source(definitions: dict[str, Any], verifiers: dict[str, dict[str, Any]]) -> None:
    """Write the presets and the options of each verifier into the schema of a source."""
    keys = definitions["SourceText"]["properties"]
    keys["preset"] = {**keys["preset"], "enum": preset_names()}
    secret = {"type": ["string", "array"], "description": "The secret of the preset's verifier."}
    of_presets: dict[str, Any] = {}
    for name in sorted(_verifiers_of_presets()):
        config = definitions[verifiers[name]["$ref"].rpartition("/")[2]]
        config.pop("required", None)  # because the preset, or a key beside it, may have the option
        of_presets |= dict.fromkeys(config["properties"], _PRESET_OPTION)
    keys["verify"] = {
        "description": keys["verify"]["description"],
        "anyOf": [
            {"const": "none"},
            {
                "type": "object",
                "properties": {**of_presets, "secret": secret, **verifiers},
                "minProperties": 1,
                "additionalProperties": False,
            },
        ],
    }


def _verifiers_of_presets() -> set[str]:
    verifies = (preset_parts(name).verify for name in preset_names())
    return {entry.key.text for each in verifies if each is not None for entry in each.entries}


def described(
    structs: Iterable[type[msgspec.Struct]],
) -> tuple[tuple[dict[str, Any], ...], dict[str, Any]]:
    """Return the schema of each Struct as written in YAML, and the definitions that they use."""
    return msgspec.json.schema_components(
        tuple(map(_describable, structs)),
        schema_hook=_describe_written,
        ref_template=_REFERENCES,
    )


def _describe_written(kind: type) -> dict[str, Any]:
    return dict(_WRITTEN[kind])  # a copy, because msgspec modifies it


@functools.cache
def _describable(struct: type[msgspec.Struct]) -> type[msgspec.Struct]:
    """Return a copy of the Struct whose defaults are written as in YAML.

    msgspec describes only the defaults of its own types.
    """
    fields = [
        (field.name, _described_type(_written_type(field)), _described_default(field))
        for field in msgspec.structs.fields(struct)
    ]
    return msgspec.defstruct(
        struct.__name__,
        fields,
        namespace={"__doc__": _first_paragraph(struct)},
        kw_only=True,
        forbid_unknown_fields=True,
        rename={field.name: field.encode_name for field in msgspec.structs.fields(struct)},
    )


def _written_type(field: msgspec.structs.FieldInfo) -> Any:
    """Return the type of a field without the None that stands for an absent key.

    A key that is present without a value is an error.
    """
    if field.default is not None or get_origin(field.type) is not Annotated:
        return field.type if field.default is not None else _or_unset(field.type)
    kind, *annotations = get_args(field.type)
    return Annotated[(_or_unset(kind), *annotations)]


def _or_unset(kind: Any) -> Any:
    kinds = [each for each in get_args(kind) if each is not NoneType]
    return Union[(*kinds, msgspec.UnsetType)] if len(kinds) < len(get_args(kind)) else kind


def _first_paragraph(struct: type[msgspec.Struct]) -> str:
    text = inspect.cleandoc(struct.__doc__ or "").split("\n\n")[0]
    return " ".join(text.split()).replace("``", "`")


def _described_type(kind: Any) -> Any:
    """Return the type with each Struct in it replaced by its describable copy."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return _describable(kind)
    arguments = get_args(kind)
    if Rate in arguments or tuple[Secret, ...] in arguments:
        return _short_form(arguments)
    if get_origin(kind) is Annotated:
        return Annotated[(_described_type(arguments[0]), *arguments[1:])]
    if get_origin(kind) in {Union, UnionType}:
        return Union[tuple(map(_described_type, arguments))]  # noqa: UP007 - the types are known only at run time
    if get_origin(kind) in {tuple, list, dict}:
        return get_origin(kind)[tuple(map(_described_type, arguments))]
    return kind


def _short_form(kinds: tuple[Any, ...]) -> Any:
    """Return the type of a rate, which may be a text, or of secrets, which may be one."""
    if Rate in kinds:
        return _describable(Rate) | _RATE_TEXT | None
    rest = tuple(each for each in kinds if each not in _SECRETS)
    return Union[(_SECRET_TEXT, list[_SECRET_TEXT], *rest)]


def _described_default(field: msgspec.structs.FieldInfo) -> Any:
    if isinstance(field.default, Rate):
        return f"{field.default.limit}/{setting_text(field.default.per)}"
    if isinstance(field.default, Duration | ByteSize):
        return setting_text(field.default)
    if isinstance(field.default, msgspec.Struct):
        return msgspec.field(default_factory=dict)  # its fields have their own defaults
    if field.default is None and _written_type(field) is not field.type:
        return msgspec.UNSET
    if field.default is msgspec.NODEFAULT:
        return msgspec.field(default_factory=field.default_factory)
    return field.default
