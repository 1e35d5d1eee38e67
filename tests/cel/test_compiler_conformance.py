"""The conformance cases of cel-spec: the page lists every case that fails, and the figures."""

import re
from pathlib import Path

import pytest
from support import conformance, textproto
from support.conformance import Case

from router.cel import ERROR

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "conformance.md"

needs_files = pytest.mark.skipif(bool(conformance.missing()), reason=conformance.missing())


def cases(*, with_value: bool) -> list[Case]:
    return [case for case in conformance.core_cases() if (case.expected is not ERROR) is with_value]


def documented_misses() -> list[str]:
    return re.findall(r"^- `([^`]+)`$", PAGE.read_text(), re.MULTILINE)


def documented_figures(row: str) -> tuple[int, int]:
    """Return the numbers of cases and of passed cases on the page."""
    found = re.search(rf"^\| {row} \| (\d+) \| (\d+) \|", PAGE.read_text(), re.MULTILINE)
    assert found
    return int(found[1]), int(found[2])


@needs_files
def test_the_misses_are_exactly_those_that_the_page_explains() -> None:
    missed = [case.name for case in conformance.core_cases() if not conformance.passes(case)]

    assert sorted(missed) == sorted(documented_misses())


@needs_files
@pytest.mark.parametrize(
    ("row", "with_value"), [("that expect a value", True), ("that expect an error", False)]
)
def test_the_figures_are_those_of_the_page(row: str, with_value: bool) -> None:  # noqa: FBT001
    found = cases(with_value=with_value)
    passed = [case for case in found if conformance.passes(case)]

    assert (len(found), len(passed)) == documented_figures(row)


@needs_files
def test_96_percent_of_the_cases_that_expect_a_value_have_it() -> None:
    found = cases(with_value=True)

    assert sum(map(conformance.passes, found)) >= 0.96 * len(found) > 900


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'name: "a" # comment', {"name": [b"a"]}),
        (b"a { b: 1 b: -2.5e3 } c: \"x\" 'y'", {"a": [{"b": ["1", "-2.5e3"]}], "c": [b"xy"]}),
        (
            b"a: { [type.googleapis.com/x.Y]: { } }, b: TRUE;",
            {"a": [{"[type.googleapis.com/x.Y]": [{}]}], "b": ["TRUE"]},
        ),
        (rb'a: "\303\277\x41\u00ff\U0001F431\n\""', {"a": ['ÿAÿ🐱\n"'.encode()]}),
    ],
)
def test_the_reader_of_the_cases(content: bytes, message: textproto.Message) -> None:
    assert textproto.read(content) == message
