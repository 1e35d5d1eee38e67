"""What Compose makes of docker-compose.yml and ``.env``: the parts of it that our file uses.

Sources: https://docs.docker.com/reference/compose-file/interpolation/ and
https://docs.docker.com/compose/how-tos/environment-variables/variable-interpolation/ (syntax of ``.env``).
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
import yaml

_NAME: Final = "[A-Za-z_][A-Za-z0-9_]*"
_REFERENCE: Final = re.compile(
    rf"\$(?:(?P<escape>\$)|(?P<bare>{_NAME})|\{{(?P<name>{_NAME})(?P<operator>:?[-+?])?)"
)
_LINE: Final = re.compile(
    rf"""[^\S\n]*(?:export\s+)?(?P<name>{_NAME})[^\S\n]*(?:[=:][^\S\n]*
    (?:'(?P<single>(?:\\.|[^'\\])*)'|"(?P<double>(?:\\.|[^"\\])*)"|(?P<plain>[^\n]*)))?
    [^\S\n]*(?:\#[^\n]*)?(?:\n|\Z)""",
    re.VERBOSE | re.DOTALL,
)
_BLANK: Final = re.compile(r"[^\S\n]*(?:#[^\n]*)?\n|\s+\Z")
_ESCAPES: Final = {"n": "\n", "r": "\r", "t": "\t"}


class Volume(msgspec.Struct, frozen=True):
    """A bind mount, or a named volume, whose source is its name."""

    source: str
    target: str
    read_only: bool


class Service(msgspec.Struct, frozen=True, kw_only=True):
    """A service after interpolation and merging."""

    name: str
    image: str
    command: list[str]
    environment: dict[str, str]
    volumes: list[Volume]
    ports: list[str]
    read_only: bool = False
    tmpfs: list[str]
    written: dict[str, Any]
    """All keys, as Compose reads them."""


def interpolate(text: str, variables: Mapping[str, str]) -> str:
    """Return ``text`` with its ``$NAME`` and ``${NAME…}`` replaced. Raises ValueError for ``?``."""
    pieces: list[str] = []
    end = 0
    while found := _REFERENCE.search(text, end):
        pieces.append(text[end : found.start()])
        end = found.end()
        if found["escape"]:
            pieces.append("$")
        elif found["bare"]:
            pieces.append(variables.get(found["bare"], ""))
        else:
            close = _closing(text, end)
            pieces.append(_value(found["name"], found["operator"], text[end:close], variables))
            end = close + 1
    return "".join([*pieces, text[end:]])


def _closing(text: str, start: int) -> int:
    """Return the offset of the brace that ends what begins at ``start``; references may nest."""
    depth = 1
    for offset in range(start, len(text)):
        depth += {"{": 1, "}": -1}.get(text[offset], 0)
        if depth == 0:
            return offset
    raise ValueError(f"{text!r} has ${{ without an end")


def _value(name: str, operator: str | None, word: str, variables: Mapping[str, str]) -> str:
    """Return the value of one reference. With a colon, an empty value counts as none."""
    if operator is None:
        if word:
            raise ValueError(f"{name}{word}: not a name")
        return variables.get(name, "")
    value = variables.get(name)
    is_given = bool(value) if operator.startswith(":") else value is not None
    if operator.endswith("+"):
        return interpolate(word, variables) if is_given else ""
    if is_given:
        return value or ""
    if operator.endswith("?"):
        raise ValueError(f"{name}: {interpolate(word, variables)}")
    return interpolate(word, variables)


def read_dotenv(text: str, shell: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of an ``.env`` file. Raises ValueError for a line that is none."""
    values: dict[str, str] = {}
    offset = 0
    while offset < len(text):
        if blank := _BLANK.match(text, offset):
            offset = blank.end()
            continue
        found = _LINE.match(text, offset)
        if found is None:
            raise ValueError(f"not a variable: {text[offset:].splitlines()[0]!r}")
        offset = found.end()
        value = _written_value(found, {**values, **shell})
        if value is not None:
            values[found["name"]] = value
    return values


def _written_value(found: re.Match[str], variables: Mapping[str, str]) -> str | None:
    if found["single"] is not None:
        return found["single"].replace("\\'", "'")
    if found["double"] is not None:
        plain = re.sub(
            r"\\(.)", lambda each: _ESCAPES.get(each[1], each[1]), found["double"], flags=re.DOTALL
        )
        return interpolate(plain, variables)
    if found["plain"] is not None:
        return interpolate(re.sub(r"(?:^|\s+)#.*", "", found["plain"]).strip(), variables)
    return variables.get(found["name"])  # a name alone: as the shell has it


def read_services(file: Path, shell: Mapping[str, str]) -> dict[str, Service]:
    """Return the services of a Compose file, with ``.env`` and the override beside it, if they are there."""
    dotenv = file.parent / ".env"
    written = read_dotenv(dotenv.read_text("utf-8"), shell) if dotenv.is_file() else {}
    variables = {**written, **shell}
    document = yaml.safe_load(file.read_text("utf-8"))
    override = file.with_suffix(".override.yml")
    if override.is_file():
        document = _merged(document, yaml.safe_load(override.read_text("utf-8")))
    document = _interpolated(document, variables)
    files = {name: each["file"] for name, each in document.get("secrets", {}).items()}
    return {
        name: _service(name, each, file.parent, variables, files)
        for name, each in document["services"].items()
    }


def _merged(base: Any, override: Any) -> Any:
    """Return two documents as one: https://docs.docker.com/reference/compose-file/merge/."""
    if isinstance(base, dict) and isinstance(override, dict):
        more = {name: _merged(base.get(name), each) for name, each in override.items()}
        return {**base, **more}
    if isinstance(base, list) and isinstance(override, list):
        return [*base, *override]
    return override


def _interpolated(node: Any, variables: Mapping[str, str]) -> Any:
    match node:
        case str():
            return interpolate(node, variables)
        case list():
            return [_interpolated(each, variables) for each in node]
        case dict():
            return {key: _interpolated(value, variables) for key, value in node.items()}
        case _:
            return node


def _service(
    name: str,
    each: dict[str, Any],
    folder: Path,
    variables: Mapping[str, str],
    secrets: Mapping[str, str],
) -> Service:
    mounted = [f"{secrets[secret]}:/run/secrets/{secret}:ro" for secret in each.get("secrets", [])]
    return Service(
        name=name,
        image=each["image"],
        command=each.get("command", []),
        environment=_environment(each, folder, variables),
        volumes=[_volume(text, folder) for text in (*each.get("volumes", []), *mounted)],
        ports=each.get("ports", []),
        read_only=each.get("read_only", False),
        tmpfs=each.get("tmpfs", []),
        written=each,
    )


def _environment(
    each: dict[str, Any], folder: Path, variables: Mapping[str, str]
) -> dict[str, str]:
    """Return the variables of ``env_file``, and those of ``environment``, which replace them."""
    found: dict[str, str] = {}
    for entry in each.get("env_file", []):
        file = folder / entry["path"]
        if file.is_file():
            found |= read_dotenv(file.read_text("utf-8"), variables)
        elif entry.get("required", True):
            raise FileNotFoundError(file)
    for key, value in each.get("environment", {}).items():
        if value is not None:
            found[key] = str(value)
        elif key in variables:
            found[key] = variables[key]
    return found


def _volume(text: str, folder: Path) -> Volume:
    source, target, *mode = text.split(":")
    is_folder = source.startswith((".", "/"))
    return Volume(str((folder / source).resolve()) if is_folder else source, target, mode == ["ro"])
