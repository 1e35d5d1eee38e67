"""What the parser does not know is either an error of RE2 too, or said to need google-re2."""

import pytest
from support.with_re2 import NEEDS_RE2

from router.regex import compile_pattern
from router.regex.pattern_program import compile_program
from router.regex.pattern_syntax import NotSupportedError, PatternParser

WRONG = [
    *("(", "a)", "[a", "[]", "*", "(+)", "a|?", "a**", "a{2}{3}", "a??*", "[z-a]", "[[:foo:]]"),
    *("\\", r"\q", r"\8", r"\Z", r"[\b]", r"[a-\d]", r"\x4", r"\x{110000}", "a{1001}", "a{3,2}"),
    *("(?=a)", "(?!a)", "(?<=a)", "(?x)a", "(?i", "(?-)", "(?P=n)", "(?P<>a)"),
]
RE2_ONLY = [
    *(r"\pL", r"\p{Greek}", r"[\PN]", r"\B", r"\C", r"\Qa.b\E", r"\07", "(?i)ü", "(?i)[a-ÿ]"),
    *("a(?i)*", "((a{0,30}){0,30}){0,1}", "(" * 60 + ")" * 60),
]


@pytest.mark.parametrize("pattern", WRONG)
def test_it_is_wrong(pattern: str) -> None:
    with pytest.raises(ValueError, check=lambda error: not isinstance(error, NotSupportedError)):
        PatternParser(pattern).parse()


@pytest.mark.parametrize("pattern", RE2_ONLY)
def test_it_needs_google_re2(pattern: str) -> None:
    with pytest.raises(NotSupportedError):
        compile_program(PatternParser(pattern).parse())


@NEEDS_RE2
@pytest.mark.parametrize("pattern", WRONG)
def test_google_re2_says_so_too(pattern: str) -> None:
    with pytest.raises(ValueError, match="not a regular expression in RE2 syntax"):
        compile_pattern(pattern, max_memory=1 << 20)


@NEEDS_RE2
@pytest.mark.parametrize("pattern", RE2_ONLY)
def test_google_re2_knows_it(pattern: str) -> None:
    compile_pattern(pattern, max_memory=1 << 20)
