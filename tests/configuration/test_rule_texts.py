"""Files without their destinations, single rules, and files without items that are given elsewhere."""

from typing import Final

import pytest

from router.configuration.rule_texts import file_source, item_names, without_items

FILE: Final = b"""# All of it.
defaults:
  severity: info

destinations:
  noc: {slack: {webhook_url: https://hooks.slack.com/services/T0/B0/deadbeef}}
  # second
  mail:
    email: {to: [a@b.c], smtp_url: smtp://u:hunter2@mail}

rules:
- name: first   # at the margin
  events: ["*"]
  when: |
    data.a == 1

    && data.b == 2

# about the second
- events: ["*"]
  name: second
"""


def test_a_file_is_shown_without_its_destinations() -> None:
    source = file_source("a.yaml", FILE)
    assert "hunter2" not in source.text
    assert "deadbeef" not in source.text
    assert source.text.startswith("# All of it.\ndefaults:")
    assert [(rule.name, rule.line) for rule in source.rules] == [("first", 12), ("second", 20)]
    assert source.alone(source.rules[0]) == (
        "defaults:\n  severity: info\n\nrules:\n"
        '  - name: first   # at the margin\n    events: ["*"]\n    when: |\n'
        "      data.a == 1\n\n      && data.b == 2\n"
    )


@pytest.mark.parametrize("content", [b"{destinations: {a: hunter2}}", b"a: [hunter2", b"\xff"])
def test_a_file_that_cannot_be_divided_is_not_shown(content: bytes) -> None:
    assert file_source("a.yaml", content).text == ""


@pytest.mark.parametrize(
    ("names", "gone", "kept"),
    [
        ("rules: [{name: first}]", [b"first", b"data.b"], [b"name: second", b"hunter2"]),
        ("rules: [{name: first}, {name: second}]", [b"rules:"], [b"hunter2", b"defaults"]),
        ("destinations: {mail: {}}", [b"hunter2"], [b"deadbeef", b"rules:"]),
        ("mute_times: {first: {}}", [], [FILE]),
    ],
)
def test_items_of_the_same_name_and_section_are_cut(
    names: str, gone: list[bytes], kept: list[bytes]
) -> None:
    left = without_items(FILE, item_names(names))
    assert not [each for each in gone if each in left]
    assert [each for each in kept if each in left] == kept


def test_nothing_is_left_of_a_file_whose_items_are_all_cut() -> None:
    assert without_items(b"rules:\n  - name: a\n", item_names("rules: [{name: a}]")) == b""
    whole = b"rules: [{name: a}, {name: b}]\n"
    assert without_items(whole, item_names("rules: [{name: a}]")) == whole
