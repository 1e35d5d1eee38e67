"""The shipped packs: they are clean, their tests pass, and the document describes them."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from router.cli import main
from router.configuration.load import load
from router.offline.rule_packs import (
    FIRST,
    packs_folder,
    packs_named,
    shipped_packs,
)
from router.suggestions import UnknownNameError

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs" / "reference" / "packs.md").read_text()
SLACK = {"SLACK_WEBHOOK_URL": "https://hooks.slack.com/services/T0/B0/x"}


def test_the_packs_are_those_of_the_source() -> None:
    assert packs_folder() == ROOT / "rules" / "packs"
    assert set(FIRST) <= {pack.name for pack in shipped_packs()}


@pytest.mark.parametrize("command", ["check", "test"])
def test_the_packs_together_are_clean_and_pass_their_tests(command: str) -> None:
    result = CliRunner().invoke(main, [command, "--strict", str(packs_folder())])
    assert result.exit_code == 0, result.output


def test_the_packs_can_stand_beside_the_shipped_rules() -> None:
    names = [rule.name for rule in load(packs_folder(), SLACK).rules.rules]
    others = re.findall(r"- name: (\S+)", (ROOT / "rules" / "voice-insights.yaml").read_text())
    assert not set(names) & set(others)


@pytest.mark.parametrize("pack", shipped_packs(), ids=lambda pack: pack.name)
def test_each_rule_of_a_pack_is_described_with_the_reasons_for_its_thresholds(pack) -> None:
    title = next(
        (each for each in re.findall(r"^## (.+)$", DOCUMENT, re.MULTILINE) if _is_of(each, pack)),
        "",
    )
    assert title, f"docs/reference/packs.md has no section for {pack.name}"
    section = DOCUMENT.split(f"## {title}\n")[1].split("\n## ")[0]
    rules = re.findall(r"^  - name: (\S+)$", pack.rules, re.MULTILINE)
    rows = "\n".join(line for line in section.splitlines() if line.startswith("|"))
    assert set(re.findall(r"`([a-z0-9-]+)`", rows)) == set(rules)
    assert "**Why these thresholds.**" in section
    assert pack.about.endswith(".")
    assert len(pack.about) < 160


def _is_of(title: str, pack) -> bool:
    return title.lower().replace(" ", "-") == pack.name


def test_a_pack_that_does_not_exist_is_named_with_one_that_is_alike() -> None:
    with pytest.raises(UnknownNameError, match=r'no pack "call-qualty": did you mean "call-qua'):
        packs_named(["call-qualty"])
    assert [pack.name for pack in packs_named([*FIRST, *FIRST])] == list(FIRST)
