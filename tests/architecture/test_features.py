"""A feature of rules is one module, one Lua file, one entry of ``FEATURES`` and one docs section."""

import ast
import functools
import importlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.repository_text import ROOT, router_modules, text_of

from router.datatypes import Secret
from router.journal.records import version_of_timer
from router.journal.rule_state import script_source
from router.rules.rule_text import RuleKeys, RuleText
from router.rules.state.feature import Feature
from router.rules.state.features import FEATURES
from router.rules.state.step import Step
from router.rules.state.timer import Timer

STATE = ROOT / "router" / "rules" / "state"
SAMPLE = ROOT / "tests" / "data" / "feature"
DOCS = (ROOT / "docs" / "reference" / "rules.md").read_text("utf-8")
WITH_KEY = [kind for kind in FEATURES if kind.key]
FUNCTION = re.compile(r"^function steps\.(\w+)\(draft((?:, \w+)*)\)", re.MULTILINE)


def module_of(kind: type[Feature]) -> str:
    return kind.__module__.rpartition(".")[2]


def timers_below(kind: type[Timer]) -> Iterator[type[Timer]]:
    for each in kind.__subclasses__():
        yield each
        yield from timers_below(each)


def steps_of(module: str) -> Iterator[type[Step]]:
    loaded = importlib.import_module(f"router.rules.state.{module}")
    for each in vars(loaded).values():
        if isinstance(each, type) and issubclass(each, Step) and each.__module__ == loaded.__name__:
            yield each


@functools.cache
def imports_of(path: Path) -> set[str]:
    """Return the modules of features that a module imports names from, and others."""
    text = text_of(path)
    tree = ast.parse(text if "router.rules.state." in text else "")
    return {
        node.module
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module is not None
    }


@pytest.mark.parametrize("kind", WITH_KEY, ids=lambda kind: kind.key)
def test_a_feature_is_named_only_in_its_own_files_and_the_list(kind: type[Feature]) -> None:
    users = {
        path.relative_to(ROOT / "router").as_posix()
        for path in router_modules()
        if kind.__module__ in imports_of(path)
    }

    assert users == {"rules/state/features.py"}
    assert module_of(kind) == kind.key
    assert (STATE / f"{kind.key}.lua").exists()


@pytest.mark.parametrize("kind", FEATURES, ids=lambda kind: kind.__name__)
def test_each_step_has_its_function_in_the_lua_of_its_feature(kind: type[Feature]) -> None:
    text = (STATE / f"{module_of(kind)}.lua").read_text("utf-8")
    functions = {name: more.count(",") for name, more in FUNCTION.findall(text)}

    assert functions == {
        step.__struct_config__.tag: len(step.__struct_fields__)
        for step in steps_of(module_of(kind))
    }


def test_the_script_has_the_features_in_their_order() -> None:
    defined = [name for name, _ in FUNCTION.findall(script_source())]
    modules = [*dict.fromkeys(map(module_of, FEATURES)), "look"]
    by_module = [
        name
        for module in modules
        for name, _ in FUNCTION.findall((STATE / f"{module}.lua").read_text("utf-8"))
    ]

    assert defined == by_module


def test_the_tag_of_a_timer_is_stored_and_does_not_change() -> None:
    timers: list[type[Timer]] = [kind.timer for kind in FEATURES if kind.timer]

    assert {(kind.key, kind.timer.__struct_config__.tag) for kind in FEATURES if kind.timer} == {
        ("follows", "follows.2"),
        ("absent", "absence"),
        ("", "look.2"),
        ("group", "flush"),
        ("escalate", "escalation"),
    }
    assert [timer.feature for timer in timers] == [kind.key for kind in FEATURES if kind.timer]


def test_an_old_worker_leaves_the_timers_that_it_does_not_know_to_new_ones() -> None:
    """0.1.0 retries the timer of a newer version, and moves one that it cannot decode to quarantine."""
    known = {"absence", "flush", "escalation"}
    kinds = [kind for kind in timers_below(Timer) if kind.__module__.startswith("router.")]
    tags = {kind.__struct_config__.tag for kind in kinds}
    versions = {tag: version_of_timer([tag]) for tag in tags if isinstance(tag, str)}

    assert known <= versions.keys()
    assert [tag for tag, version in versions.items() if version < 200 and tag not in known] == []


def test_the_guide_lists_the_features_in_their_order() -> None:
    table = DOCS.split("## Keys of a rule")[1].split("\n## ")[0]
    keys = re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)
    own = [key for key in keys if key not in RuleKeys.__struct_fields__]

    assert own == [kind.key for kind in WITH_KEY]
    assert set(keys) == set(RuleText.__struct_fields__)


def test_the_guide_says_in_which_order_an_alert_meets_the_features() -> None:
    section = DOCS.split("| step | reason |")[1].split("\n\n")[0]
    order = [key for row in section.splitlines() for key in re.findall(r"\[`(\w+)`\]", row)]

    assert [key for key in order if key != "mute_times"] == [kind.key for kind in WITH_KEY]


@pytest.mark.parametrize("kind", WITH_KEY, ids=lambda kind: kind.key)
def test_each_feature_has_a_section_with_an_example(kind: type[Feature]) -> None:
    section = DOCS.split(f"\n### `{kind.key}`\n")[1].split("\n### ")[0]

    assert f"    {kind.key}:" in section.split("```yaml")[1].split("```")[0]


def test_a_feature_is_added_by_two_files_and_one_entry(tmp_path: Path, redis_url: Secret) -> None:
    package = tmp_path / "router"
    shutil.copytree(ROOT / "router", package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(SAMPLE / "sample.py", package / "rules" / "state")
    shutil.copy(SAMPLE / "sample.lua", package / "rules" / "state")
    listing = package / "rules" / "state" / "features.py"
    text = listing.read_text("utf-8")
    text = text.replace(
        "from router.rules.state.suppress",
        "from router.rules.state.sample import SampleFeature\nfrom router.rules.state.suppress",
    )
    listing.write_text(
        text.replace("    GroupFeature,\n", "    SampleFeature,\n    GroupFeature,\n")
    )

    ran = subprocess.run(  # noqa: S603 - our own interpreter and text
        [sys.executable, str(SAMPLE / "story.py"), redis_url.reveal()],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT / 'tests'}"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout) == {
        "redis": ["0", "3"],
        "suppressed": {"sampled": 3},
        "memory": ["0", "3"],
        "explain": ['notifies of one alert in 3 by data.k="x"'],
        "schema": 1,
    }


def test_each_function_of_the_script_has_a_name_of_its_own() -> None:
    """The files are one script, in which a later function would take the place of an earlier one."""
    names = re.findall(r"^(?:local )?function ([\w.]+)", script_source(), re.MULTILINE)

    assert {name for name in names if names.count(name) > 1} == set()
