"""The guide of sources: its examples, and the tables of its keys."""

import re
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from support.rules_schema import rules_validator

from router.configuration.load import load
from router.configuration.readers.source_text import EventText, ReplyText, SourceText
from router.sources.verifiers.kinds import VERIFIERS

GUIDE: Final = (Path(__file__).parents[2] / "docs" / "reference" / "sources.md").read_text("utf-8")
EXAMPLES: Final = [block.split("```")[0] for block in GUIDE.split("```yaml\n")[1:]]
ENVIRON: Final = dict.fromkeys(re.findall(r"\$\{([A-Z_]+)\}", GUIDE), "user:a-secret-of-the-guide")


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_of_the_guide_has_no_problems(tmp_path: Path, example: str) -> None:
    (tmp_path / "sources.yaml").write_text(example, encoding="utf-8")
    configuration = load(tmp_path, ENVIRON)
    assert {each.name for each in configuration.sources} == set(yaml.safe_load(example)["sources"])


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_schema_accepts_an_example_of_the_guide(example: str) -> None:
    rules_validator().validate(yaml.safe_load(example))


@pytest.mark.parametrize(
    "source",
    [
        {"preset": "slack", "verify": {"secret": "a-secret-of-slack", "tolerance": "10m"}},
        {"preset": "slack", "verify": {"secret": "a-secret", "slack": {"tolerance": "10m"}}},
        {"preset": "cloudwatch-sns", "verify": {"topics": ["arn:aws:sns:eu-west-1:1:a"]}},
        {"preset": "twilio-status", "verify": {"auth_token": ["the-old-token", "the-new-token"]}},
        {"preset": "azure-event-grid", "verify": {"api_key": {"secret": "a-key-of-azure"}}},
        {"preset": "alertmanager", "verify": {"token": "a-token"}, "rate": "5/s"},
    ],
    ids=lambda source: str(source["verify"]),
)
def test_the_schema_accepts_what_overrides_a_preset(tmp_path: Path, source: Any) -> None:
    folder = {"sources": {"one": source}}
    (tmp_path / "sources.yaml").write_text(yaml.safe_dump(folder), encoding="utf-8")

    assert load(tmp_path, {}).sources
    rules_validator().validate(folder)


def rows(title: str) -> dict[str, list[str]]:
    """Return the cells of a section's first table by the words of its first column."""
    section = GUIDE.split(f"\n## {title}\n")[1].split("\n## ")[0]
    table = section.split("\n|---|")[1].split("\n\n")[0].split("\n")[1:]
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table]
    return {name: row[1:] for row in cells for name in re.findall(r"`([^`]+)`", row[0])}


@pytest.mark.parametrize(
    ("title", "struct"),
    [("Keys of a source", SourceText), ("Event", EventText), ("Replies", ReplyText)],
)
def test_a_table_of_keys_has_each_key(title: str, struct: Any) -> None:
    assert sorted(rows(title)) == sorted(struct.__struct_fields__)


def test_the_table_of_verifiers_has_each_one_with_its_options() -> None:
    options = {
        name: set(re.findall(r"`([^`]+)`", cells[-1])) for name, cells in rows("Verify").items()
    }
    assert options == {name: set(kind.config.__struct_fields__) for name, kind in VERIFIERS.items()}
