"""One name for one idea, and one place to look for it (docs/reference/glossary.md, docs/explanation/design.md)."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from support.repository_text import PACKAGE, ROOT, router_modules, text_of

TESTS: Final = ROOT / "tests"
MODULES: Final = [path for path in router_modules() if path.name != "__init__.py"]

SHARED_MODULES: Final = {
    # A noun of the domain, once in each layer that serves it.
    "audit": "stored, served and listed by a command",
    "backtest": "the command and what it runs",
    "dead_letters": "stored, served and listed by commands",
    "destinations": "read from YAML, served and listed by commands",
    "dev": "the command and what it runs",
    "explain": "a condition's, a rule's and the command",
    "features": "read from YAML and listed",
    "pagerduty": "a destination and a verifier",
    "slack": "a destination and a verifier",
    "keyed_alerts": "stored, served and listed by commands",
    "labels": "read from YAML and computed for an alert",
    "openapi": "the description's form and its ingress part",
    "playground": "the endpoint and what it calls",
    "preview": "the command and what it runs",
    "quarantine": "stored, served and listed by commands",
    "reload": "the endpoint and what it calls",
    "records": "dead letters and quarantine, served and listed by commands",
    "rules": "read from YAML, served and listed by commands",
    "send": "the command and what it runs",
    "series": "counted by a process and stored",
    "silences": "matched, stored and served",
    "twilio_tests": "stored and served",
    # A form that several packages have.
    "calls": "compiled and type-checked",
    "connection": "to Redis and from a client",
    "contract": "of destinations and of verifiers",
    "kinds": "of destinations and of verifiers, a line each",
    "json_schema": "of the rules folder and of events",
    "limits": "of conditions and of events",
    "model": "a package's own value types",
    "schema": "of rule tests and the command",
    "spec": "a destination and a source as the rules folder describes them",
    "operators": "compiled and type-checked",
}
NOT_PACKAGES: Final = frozenset(
    {"architecture", "contracts", "data", "deploy", "docs", "end_to_end", "faults", "support"}
)
"""Folders of tests that are about no single package."""

BANNED: Final = re.compile(
    r"\b(whoever|whomever|nobody|somebody|everybody|anybody|anew)\b", re.IGNORECASE
)
"""Words without an actor: the glossary has nouns for workers, senders, receivers and operators."""
OPENINGS: Final = re.compile(r"(What|Who|Whoever|So|Of|Where|For(?! example)|That)\b")
"""Words with which no sentence begins, because its subject would come last."""
QUOTED_OPENINGS: Final = re.compile(rf"[\"']{OPENINGS.pattern}")
QUOTED: Final = re.compile(r"`[^`]*`")


def defined_classes() -> Mapping[str, list[str]]:
    found = defaultdict(list)
    for path in router_modules():
        for name in re.findall(r"^class ([A-Za-z]\w*)", text_of(path), re.MULTILINE):
            found[name].append(path.relative_to(ROOT).as_posix())
    return found


def documented_texts(path: Path) -> Iterator[tuple[int, str]]:
    """Each docstring, attribute docstring and comment of a module, with its line."""
    yield from docstrings(path)
    for number, line in enumerate(text_of(path).splitlines(), 1):
        if found := re.search(r"(?:^|\s)#\s(.*)", line):
            yield number, found[1]


def docstrings(path: Path) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(text_of(path))):
        match node:
            case ast.Expr(value=ast.Constant(value=str(text))):
                yield node.lineno, text
            case _:
                pass


def pages() -> list[Path]:
    return [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def test_each_class_name_is_defined_once() -> None:
    twice = {name: places for name, places in defined_classes().items() if len(places) > 1}

    assert twice == {}


def test_each_module_name_stands_in_one_package_but_for_the_shared_nouns() -> None:
    found = defaultdict(list)
    for path in MODULES:
        found[path.stem].append(path.parent.relative_to(ROOT).as_posix())
    shared = {name for name, places in found.items() if len(places) > 1}

    assert shared == set(SHARED_MODULES)


def test_a_test_stands_where_its_module_does() -> None:
    """``tests/a/b/test_c.py`` and ``test_c_topic.py`` are about ``router/a/b/c.py`` or package c."""
    paths = [path.relative_to(TESTS) for path in sorted(TESTS.rglob("test_*.py"))]

    assert [
        path.as_posix()
        for path in paths
        if path.parts[0] not in NOT_PACKAGES and not stands_at_its_module(path)
    ] == []


def stands_at_its_module(path: Path) -> bool:
    folder = PACKAGE / path.parent
    words = path.stem.removeprefix("test_").split("_")
    prefixes = ["_".join(words[:count]) for count in range(len(words), 0, -1)]
    return any((folder / f"{name}.py").exists() or (folder / name).is_dir() for name in prefixes)


def test_a_sentence_names_its_actor() -> None:
    found = []
    for path in [*router_modules(), *pages()]:
        if not BANNED.search(text_of(path)):
            continue
        texts = (
            documented_texts(path)
            if path.suffix == ".py"
            else enumerate(QUOTED.sub("", text_of(path)).splitlines(), 1)
        )
        found += [
            f"{path.name}:{line}: {match[0]}"
            for line, text in texts
            if (match := BANNED.search(text))
        ]

    assert found == []


def test_a_docstring_begins_with_its_subject_or_its_verb() -> None:
    found = [
        f"{path.name}:{line}: {text.split(chr(10))[0]}"
        for path in router_modules()
        if QUOTED_OPENINGS.search(text_of(path))
        for line, text in docstrings(path)
        if OPENINGS.match(text)
    ]

    assert found == []
