"""``router test`` as a user runs it, and on the shipped rules."""

from pathlib import Path
from xml.etree import ElementTree as ET

import msgspec
import pytest
from click.testing import CliRunner, Result

from router.cli import main
from router.configuration.load import load
from router.configuration.variables import MissingVariable
from router.offline.rule_tests.schema import json_schema

SHIPPED = Path(__file__).parents[2] / "rules"
RULES = """
destinations: {noc: {capture: {}}}
rules: [{name: all, events: [com.example.call], when: data.issues > 3, send_to: [noc]}]
"""
FIRES = "{name: fires, event: {type: com.example.call, data: {issues: 4}}, expect: [{rule: all}]}"
SILENT = "{name: silent, event: {type: com.example.call, data: {issues: 3}}, expect: []}"
WRONG = "{name: wrong, event: {type: com.example.call, data: {issues: 3}}, expect: [{rule: all}]}"


def router(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    (tmp_path / "tests").mkdir()
    (tmp_path / "a.yaml").write_text(RULES)
    return tmp_path


def write(rules: Path, *tests: str) -> None:
    (rules / "tests" / "a.yaml").write_text(f"tests: [{', '.join(tests)}]\n")


def test_the_shipped_rules_are_tested_whole() -> None:
    result = router("test", "--strict", SHIPPED)
    assert result.exit_code == 0, result.output
    rules = load(SHIPPED, {}, missing=MissingVariable.KEEP).rules.rules
    assert int(result.output.split(" ")[0]) > len(rules)


def test_tests_that_pass_are_exit_code_0(rules: Path) -> None:
    write(rules, FIRES, SILENT)
    result = router("test", "--strict", rules)
    assert (result.exit_code, result.output) == (0, "2 tests passed\n")


def test_a_test_that_fails_is_exit_code_1(rules: Path) -> None:
    write(rules, FIRES, WRONG)
    result = router("test", rules)
    assert result.exit_code == 1
    assert "FAILED wrong" in result.output
    assert "data.issues > 3 is false: data.issues = 3" in result.output


def test_an_untested_rule_fails_with_strict(rules: Path) -> None:
    write(rules, FIRES)
    assert router("test", rules).exit_code == 0
    result = router("test", "--strict", rules)
    assert result.exit_code == 1
    assert "no test keeps all silent" in result.output


def test_one_test_can_be_chosen(rules: Path) -> None:
    write(rules, FIRES, WRONG)
    assert router("test", rules, "-k", "fires").exit_code == 0


def test_results_come_as_json_and_as_junit(rules: Path) -> None:
    write(rules, FIRES, WRONG)
    result = router("test", "--json", "--junit", rules / "junit.xml", rules)
    document = msgspec.json.decode(result.output)
    assert [len(each["differences"]) for each in document["results"]] == [0, 1]
    assert ET.parse(rules / "junit.xml").getroot().get("failures") == "1"  # noqa: S314 - our own


def test_a_test_that_cannot_be_read_is_exit_code_2(rules: Path) -> None:
    write(rules, "{name: x}")
    result = router("test", rules)
    assert result.exit_code == 2
    assert "the test expects nothing" in result.stderr


def test_a_folder_without_tests_is_reported(rules: Path) -> None:
    result = router("test", rules)
    assert result.exit_code == 0
    assert f"no tests found, write them in {rules / 'tests'}" in result.stderr


def test_the_schema_names_what_a_test_may_hold() -> None:
    schema = json_schema()
    properties = schema["$defs"]["CaseText"]["properties"]
    assert {"name", "event", "with", "without", "expect", "steps"} <= set(properties)
    assert {"at", "after", "times", "every", "acknowledge", "silence"} <= set(
        schema["$defs"]["CaseStep"]["properties"]
    )


def test_the_guide_s_example_is_true_of_the_shipped_rules(tmp_path: Path) -> None:
    guide = (Path(__file__).parents[2] / "docs" / "reference" / "rules.md").read_text("utf-8")
    example = guide.split("## Tests")[1].split("```\n")[1]
    (tmp_path / "tests").mkdir()
    for file in SHIPPED.glob("*.yaml"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "tests" / "a.yaml").write_text(example, encoding="utf-8")
    result = router("test", tmp_path)
    assert (result.exit_code, result.output.splitlines()[-1]) == (0, "2 tests passed")


def test_a_name_that_no_test_has_is_an_error(rules: Path) -> None:
    """Case O15: a typing error in ``-k`` must not look like success."""
    write(rules, FIRES, SILENT)
    result = router("test", rules, "-k", "zzz")

    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == "router: -k zzz: none of 2 tests has this in its name\n"


@pytest.mark.parametrize("command", [("check",), ("test",), ("explain", "-"), ("backtest", "-")])
def test_a_folder_that_does_not_exist_is_an_error_of_the_argument(
    command: tuple[str, ...], tmp_path: Path
) -> None:
    """Case O15: all commands have the same exit code for it."""
    missing = tmp_path / "missing"
    option = [missing] if len(command) == 1 else ["--rules", missing]
    result = router(*command, *option)

    assert (result.exit_code, result.stdout) == (2, "")
    assert str(missing) in result.stderr


def test_a_report_that_cannot_be_written_is_one_line(rules: Path) -> None:
    """Case O16."""
    write(rules, FIRES)
    report = rules / "missing" / "j.xml"
    result = router("test", rules, "--junit", report)

    assert result.exit_code == 2
    assert result.stderr == f"router: {report}: No such file or directory\n"
