"""Patterns are compiled with google-re2 and without it, alike for those who use them."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.with_re2 import NEEDS_RE2

from router.regex import compile_pattern, escape, pattern_search, set_search

ROOT: Final = Path(__file__).parents[2]
TESTS: Final = (
    "tests/regex/test_lazy_automaton.py",
    "tests/cel/test_searches.py",
    "tests/cel/test_condition.py",
    "tests/rules/test_label_matcher.py",
    "tests/rules/index/test_rule_set.py",
)
CHECK: Final = """
from router.cel import compile_condition
from router.errors import ConditionError
from router.regex import HAS_RE2
print(HAS_RE2)
print(compile_condition('data.a.matches("^a+$")').verdict({"data": {"a": "aa"}}).name)
try:
    compile_condition(r"data.a.matches('\\\\pL')")
except ConditionError as error:
    print(error)
"""


@pytest.fixture
def without_re2(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pattern_search, "re2", None)


@pytest.fixture
def hidden(tmp_path: Path) -> dict[str, str]:
    """Return an environment in which google-re2 cannot be imported."""
    (tmp_path / "re2.py").write_text('raise ImportError("hidden")\n')
    return {**os.environ, "PYTHONPATH": str(tmp_path)}


def python(environ: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *arguments]
    return subprocess.run(  # noqa: S603 - ours
        command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False
    )


@NEEDS_RE2
@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_text_is_escaped_as_google_re2_escapes_it(text: str) -> None:
    assert escape(text) == pattern_search.re2.escape(text)


PATTERNS: Final = st.lists(
    st.sampled_from(["", "a", "^b", "c$", "a|b", r"\d+", "x", "é"]), unique=True, max_size=5
)


@NEEDS_RE2
@given(patterns=PATTERNS, text=st.text(alphabet="abcx1é", max_size=4))
def test_a_set_finds_what_each_of_its_patterns_finds(patterns: list[str], text: str) -> None:
    linear = pattern_search._linear_set(patterns)

    expected = [
        position
        for position, pattern in enumerate(patterns)
        if compile_pattern(pattern, max_memory=1 << 20).search(text) is not None
    ]

    found = set_search(patterns, max_memory=4 << 20)(text)
    assert found is not None
    assert sorted(found) == expected
    assert linear(text) == expected


@pytest.mark.usefixtures("without_re2")
def test_without_google_re2_a_set_leaves_a_long_text_to_each_condition() -> None:
    assert set_search(["a"], max_memory=1)("a" * 2048) == [0]
    assert set_search(["a"], max_memory=1)("a" * 2049) is None


@pytest.mark.usefixtures("without_re2")
@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("(standup", "not a regular expression in RE2 syntax: missing ): (standup"),
        (
            r"^\pL",
            r"this regular expression needs google-re2, which is not installed, for \p: run pip install '.[re2]' in the router's checkout",
        ),
    ],
)
def test_without_google_re2_an_error_says_what_would_be_right(pattern: str, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        compile_pattern(pattern, max_memory=1)


def test_conditions_work_where_google_re2_cannot_be_imported(hidden: dict[str, str]) -> None:
    run = python(hidden, "-W", "error", "-c", CHECK)

    assert run.stdout.splitlines()[:2] == ["False", "MATCH"], run.stderr
    assert "needs google-re2, which is not installed" in run.stdout


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_tests_of_conditions_pass_where_google_re2_cannot_be_imported(
    hidden: dict[str, str],
) -> None:
    run = python(hidden, "-m", "pytest", "-q", "-n", "0", *TESTS)

    assert run.returncode == 0, run.stdout
