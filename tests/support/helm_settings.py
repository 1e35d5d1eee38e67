"""What the chart's schema says of ``ROUTER_*`` variables, from the settings themselves."""

import enum
from pathlib import Path
from typing import Any, Final

from router.datatypes import ByteSize, Duration, Networks, Secret, Share, Texts
from router.field_paths import FieldPaths
from router.no_proxy import NoProxy
from router.settings.environment import FROM_FILE, Variable
from router.settings.model import SETTINGS
from router.settings.tokens import Tokens

BY_THE_CHART: Final = {
    "ROUTER_REDIS_URL": "redis.url",
    "ROUTER_RULES": "rules",
    "ROUTER_DRAIN_TIMEOUT": "drainSeconds",
    "ROUTER_PORT": "ingress.service.port",
    "ROUTER_WORKER_PORT": "operations.service.port",
    "ROUTER_OPERATIONS_PORT": "operations.service.port",
    "ROUTER_OPERATIONS_HOST": "networkPolicy",
    "ROUTER_REDIS_SERVER": "redis.url",
}
"""Settings that another value of the chart sets, or makes useless."""

_BOOLEANS: Final = {"yes": True, "no": False, "off": False}
"""What Helm's reader of YAML 1.1 makes of words without quotes."""
_SECRET_KINDS: Final = (Secret, tuple, Tokens)
_TEXT: Final = {"type": "string", "minLength": 1}
_LISTS: Final = (Networks, Texts, FieldPaths, NoProxy)
_FORMS: Final[dict[type, dict[str, Any]]] = {
    str: _TEXT,
    Path: _TEXT,
    Duration: {"type": "string", "pattern": "^([0-9]+(\\.[0-9]+)?(ms|s|m|h|d))+$|^0$"},
    Share: {"type": "string", "pattern": "^[0-9]+(\\.[0-9]+)? ?%$"},
    ByteSize: {
        "anyOf": [
            {"type": "integer", "minimum": 0},
            {"type": "string", "pattern": "^[0-9]+ *(B|KiB|MiB|GiB)?$"},
        ]
    },
}


def is_secret(setting: Variable) -> bool:
    return setting.kind in _SECRET_KINDS


def _form(setting: Variable) -> dict[str, Any]:
    if issubclass(setting.kind, enum.Enum):
        words = [str(value) for value in setting.kind]
        return {"enum": [*words, *(_BOOLEANS[word] for word in words if word in _BOOLEANS)]}
    if setting.kind is int:
        assert setting.within is not None
        low, high = int(setting.within.at_least), int(setting.within.at_most)
        return {"type": "integer", "minimum": low, "maximum": high}
    if setting.kind in _LISTS:
        return {"anyOf": [_TEXT, {"type": "array", "minItems": 1, "items": _TEXT}]}
    return _FORMS[setting.kind]


def settings_schema() -> dict[str, Any]:
    """Return the schema of the value ``settings``: no secrets, and none that the chart sets."""
    properties: dict[str, Any] = {}
    for setting in SETTINGS:
        if setting.name in BY_THE_CHART and not is_secret(setting):
            continue
        if not is_secret(setting):
            properties[setting.name] = _form(setting)
        properties[setting.name + FROM_FILE] = {"type": "string", "pattern": "^/"}
    return {"type": "object", "additionalProperties": False, "properties": properties}


def secret_names() -> dict[str, Any]:
    """Return the schema of a variable in a Secret: a setting that is one, or a name of the rules."""
    known = [setting.name for setting in SETTINGS if is_secret(setting)]
    of_rules = {"pattern": "^[A-Za-z_][A-Za-z0-9_]*$", "not": {"pattern": "^ROUTER_"}}
    return {"anyOf": [{"enum": known}, of_rules]}


def variable_names() -> dict[str, Any]:
    """Return the schema of a name in ``extraEnv``: no ``ROUTER_*`` that is no setting or that the chart sets."""
    known = [each for each in SETTINGS if is_secret(each) or each.name not in BY_THE_CHART]
    names = [name for each in known for name in (each.name, each.name + FROM_FILE)]
    others = {"pattern": "^[A-Za-z_][A-Za-z0-9_.-]*$", "not": {"pattern": "^ROUTER_"}}
    return {"anyOf": [{"enum": names}, others]}
