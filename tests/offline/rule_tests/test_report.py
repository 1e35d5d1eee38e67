"""What became of rule tests, as people and programs read it."""

from xml.etree import ElementTree as ET

from router.offline.rule_tests.report import as_junit, as_text, summarise
from router.offline.rule_tests.running import CaseResult, Difference

PASSED = CaseResult(
    name="one", location="tests/a.yaml:3:9", differences=(), fired=("a",), silent=("b",)
)
FAILED = CaseResult(
    name="two \x1b<&",
    location="tests/a.yaml:9:9",
    differences=(
        Difference(location="tests/a.yaml:11:9", at=90.0, lines=("- a  count: 2", "+ a  count: 1")),
    ),
    fired=(),
    silent=(),
)


def test_a_failure_is_shown_with_its_place_and_difference() -> None:
    assert as_text(summarise([PASSED, FAILED], ["a", "b"])).splitlines() == [
        "FAILED two \\x1b<&",
        "  tests/a.yaml:11:9, 90s from the beginning",
        "    - a  count: 2",
        "    + a  count: 1",
        "",
        "no test makes b fire",
        "no test keeps a silent",
        "2 tests, 1 failed",
    ]


def test_all_is_well_in_one_line() -> None:
    whole = CaseResult(name="x", location="a:1:1", differences=(), fired=("a",), silent=("a",))
    assert as_text(summarise([whole], ["a"])) == "1 test passed"


def test_junit_has_a_case_for_each_test() -> None:
    suite = ET.fromstring(as_junit(summarise([PASSED, FAILED], ["a"])))  # noqa: S314 - our own
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")
    one, two = suite
    assert (one.get("file"), one.get("line"), len(one)) == ("tests/a.yaml", "3", 0)
    assert two[0].get("message") == "- a  count: 2"
    assert "+ a  count: 1" in str(two[0].text)


def test_colour_is_there_on_demand_only() -> None:
    assert "\x1b[32m+ a" in as_text(summarise([FAILED], []), color=True)
