"""Each key of a rules file is named on the page that explains it."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from router.configuration.json_schema import json_schema
from router.sources.verifiers.kinds import VERIFIERS

REFERENCE: Final = Path(__file__).parents[2] / "docs" / "reference"
DEFINITIONS: Final = json_schema()["$defs"]


def properties(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        yield from node.get("properties", ())
    for child in node.values() if isinstance(node, dict) else node:
        if isinstance(child, dict | list):
            yield from properties(child)


VERIFIERS_CONFIGS: Final = {kind.config.__name__ for kind in VERIFIERS.values()}
SOURCES: Final = {"SourceText", "AcceptedText", "EventText", "ReplyText", *VERIFIERS_CONFIGS}


def keys_of(*, of_rules: bool) -> set[str]:
    """Return the keys in the definitions of rules (their YAML types end in Text), or of destinations."""
    return {
        key
        for name, definition in DEFINITIONS.items()
        if name.endswith("Text") == of_rules and name not in SOURCES
        for key in properties(definition)
    }


def keys_of_sources() -> set[str]:
    return {key for name in SOURCES if name in DEFINITIONS for key in properties(DEFINITIONS[name])}


@pytest.mark.parametrize(
    ("page", "keys"),
    [
        ("rules.md", keys_of(of_rules=True)),
        ("destinations.md", keys_of(of_rules=False)),
        ("sources.md", keys_of_sources()),
    ],
)
def test_each_key_is_in_code_on_its_page(page: str, keys: set[str]) -> None:
    spans = re.findall(r"`([^`\n]+)`", (REFERENCE / page).read_text())
    words = {word for span in spans for word in re.findall(r"[\w-]+|[=!<>]+", span)}

    assert sorted(keys - words) == []
    assert len(keys) > 20
