"""The kinds: each is complete by itself, knows no other, and is added in four files."""

import ast
import functools
import re
import subprocess
from pathlib import Path
from typing import Any

import grimp
import msgspec
import pytest
import yaml

from router.alerts import AlertKey, AlertStatus, Delivered, Delivery, Outcome, Preview
from router.configuration.json_schema import json_schema
from router.configuration.load import load
from router.configuration.variables import MissingVariable
from router.destinations import kinds
from router.destinations.contract import DestinationConfig, Environment
from router.destinations.kinds import KINDS, DestinationKind, build
from router.errors import ConfigurationError

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs" / "reference" / "destinations.md").read_text()
PACKAGE = "router.destinations"

# The stand-in of ``router dev``, which therefore is more than a kind.
STAND_IN = "capture"


@functools.cache
def graph() -> grimp.ImportGraph:
    """Return which module imports which."""
    return grimp.build_graph("router", cache_dir=None)


def places(kind: str) -> list[str]:
    """The files that a kind needs."""
    return [
        f"router/destinations/{kind}.py",
        "router/destinations/kinds.py",
        "docs/reference/destinations.md",
        f"tests/destinations/test_{kind}.py",
    ]


def modules_of(kind: str) -> set[str]:
    """The kind's own modules: ``<kind>`` and its parts, ``<kind>_<part>``."""
    own = f"{PACKAGE}.{kind}"
    return {name for name in graph().modules if name == own or name.startswith(f"{own}_")}


def example(kind: str) -> dict[str, Any]:
    """The first example of a kind in the documentation, with its variables."""
    section = DOCUMENT.split(f"## `{kind}`")[1].split("\n## ")[0]
    for text in re.findall(r"```yaml\n(destinations:.*?)```", section, re.DOTALL):
        for described in yaml.safe_load(text)["destinations"].values():
            if kind in described:
                found: dict[str, Any] = described[kind]
                return found
    raise AssertionError(f"docs/reference/destinations.md has no example of {kind}")


def loaded(folder: Path, kind: str, settings: dict[str, Any]) -> DestinationConfig:
    """The configuration that the loader makes of a destination named ``oncall``."""
    written = yaml.safe_dump({"destinations": {"oncall": {kind: settings}}})
    (folder / "oncall.yaml").write_text(written)
    (spec,) = load(folder, {}, missing=MissingVariable.KEEP).destinations
    assert spec.config is not None
    return spec.config


@pytest.mark.parametrize("kind", KINDS)
def test_each_is_built_from_its_configuration(kind, environment, tmp_path):
    config = loaded(tmp_path, kind, example(kind))
    destination = build("oncall", config, environment)
    assert type(config) is KINDS[kind].config
    assert (destination.name, destination.config) == ("oncall", config)


@pytest.mark.parametrize("kind", KINDS)
def test_each_takes_what_all_take_and_nothing_unknown(kind, tmp_path):
    common = {"timeout": "3s", "concurrency": 2, "retry": {"attempts": 3, "first": "2s"}}
    config = loaded(tmp_path, kind, example(kind) | common)
    assert (config.timeout, config.concurrency, config.retry.attempts) == (3.0, 2, 3)
    with pytest.raises(ConfigurationError, match='unknown key "colour"'):
        loaded(tmp_path, kind, example(kind) | {"colour": "red"})


@pytest.mark.parametrize("kind", KINDS)
def test_no_kind_knows_another(kind):
    others = {name for other in KINDS if other != kind for name in modules_of(other)}
    known = {
        (own, other)
        for own in modules_of(kind)
        for other in others | {kinds.__name__}
        if graph().chain_exists(importer=own, imported=other)
    }
    assert known == set()


@pytest.mark.parametrize("kind", KINDS)
def test_each_has_its_four_files_and_passes_the_contract(kind):
    assert [place for place in places(kind) if not (ROOT / place).exists()] == []
    assert f"## `{kind}`" in DOCUMENT
    tree = ast.parse((ROOT / "tests" / "destinations" / f"test_{kind}.py").read_text())
    bases = {
        ast.unparse(base)
        for node in tree.body
        if isinstance(node, ast.ClassDef)
        for base in node.bases
    }
    assert bases & {"DestinationContract", "ConnectingContract"}


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != STAND_IN])
def test_outside_of_its_own_modules_a_kind_is_a_line(kind):
    own = modules_of(kind)
    importing = {
        name for module in own for name in graph().find_modules_that_directly_import(module)
    }
    assert importing - own == {kinds.__name__}
    named = re.findall(rf'"{kind}": DestinationKind\(', Path(kinds.__file__).read_text())
    assert len(named) == 1


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "http"])  # fields of its JSON
@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"held_because": ("muted",)}, ["Since", "It was suppressed until now: at a mute time."]),
        (
            {"held_because": ("cooldown",), "held_back": 3},
            ["3 more alerts were", "by its cooldown"],
        ),
        ({"reminder": 2}, ["reminder 2"]),
        ({"status": AlertStatus.RESOLVED}, ["Resolved after 2 h 10 min"]),
    ],
    ids=["late", "held back", "reminder", "resolved"],
)
def test_each_says_what_is_new(kind, fields, told, environment, tmp_path, delivery):
    destination = build("oncall", loaded(tmp_path, kind, example(kind)), environment)
    keyed = {"key": AlertKey("ak_1"), "since": delivery.alert.raised_at - 7800}
    changed = msgspec.structs.replace(delivery.alert, **keyed, **fields)

    shown = destination.preview(msgspec.structs.replace(delivery, alert=changed))

    assert [each for each in told if each not in shown.body] == []


def test_no_other_file_lists_the_kinds():
    listing = subprocess.run(
        ["git", "ls-files", "-z", "*.py", "*.toml", "*.yml", "*.yaml", "*.txt", "Makefile"],  # noqa: S607 - whichever git there is
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    tracked = [name for name in listing.stdout.decode().split("\0") if (ROOT / name).is_file()]
    lists = {
        name
        for name in tracked
        if all(
            re.search(rf"\b{kind}\b", (ROOT / name).read_text("utf-8"), re.IGNORECASE)
            for kind in KINDS
        )
    }
    # Words for generated rules files, and of other products: they need not have each kind.
    others = {"tests/configuration/test_load.py", "router/configuration/foreign_keys.py"}
    assert lists - others == {"router/destinations/kinds.py"}


class PagerConfig(DestinationConfig, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A kind that the repository does not have."""

    number: str


class PagerDestination:
    def __init__(self, name: str, config: PagerConfig, environment: Environment) -> None:
        self.name = name
        self.config = config
        self._environment = environment

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def attempt(self, delivery: Delivery) -> Outcome:
        del delivery
        return Delivered()

    def preview(self, delivery: Delivery) -> Preview:
        return Preview((("number", self.config.number),), delivery.id, "text/plain")


def test_a_module_and_a_line_are_all_the_code_of_a_new_kind(
    monkeypatch, tmp_path, environment, delivery
):
    monkeypatch.setitem(KINDS, "pager", DestinationKind(PagerConfig, PagerDestination))

    config = loaded(tmp_path, "pager", {"number": "112", "rate": "1/s"})
    assert build("oncall", config, environment).preview(delivery).headers == (("number", "112"),)
    assert "PagerConfig" in msgspec.json.encode(json_schema()).decode()
    with pytest.raises(ConfigurationError, match="pager"):
        loaded(tmp_path, "pagger", {"number": "112"})
