"""The results of rule tests, for people, for programs and for continuous integration."""

from collections.abc import Iterable, Sequence
from typing import Final
from xml.etree import ElementTree as ET

import msgspec

from router.configuration.diagnostics import printable
from router.offline.rule_tests.running import CaseResult
from router.quantities import counted

_RED: Final = "31"
_GREEN: Final = "32"
_COLOURS: Final = {"-": _RED, "+": _GREEN}


class Coverage(msgspec.Struct, frozen=True):
    """Which rules the tests cover. Only tests that pass count."""

    rules: int
    never_fired: tuple[str, ...]
    """Rules that no test makes fire."""
    never_silent: tuple[str, ...]
    """Rules that no test keeps silent about an event of their types."""

    @property
    def is_complete(self) -> bool:
        """True if tests make each rule fire and keep it silent."""
        return not self.never_fired and not self.never_silent


class RunSummary(msgspec.Struct, frozen=True):
    """The result of ``router test``."""

    results: tuple[CaseResult, ...]
    coverage: Coverage

    @property
    def failed(self) -> int:
        """How many tests failed."""
        return sum(not result.passed for result in self.results)


def summarise(results: Sequence[CaseResult], rules: Iterable[str]) -> RunSummary:
    """Return the summary of all results; ``rules`` are the names of all rules."""
    names = list(rules)
    fired = {name for result in results for name in result.fired}
    silent = {name for result in results for name in result.silent}
    return RunSummary(
        tuple(results),
        Coverage(
            len(names),
            tuple(name for name in names if name not in fired),
            tuple(name for name in names if name not in silent),
        ),
    )


def as_text(summary: RunSummary, *, color: bool = False) -> str:
    """Return failures with their differences, coverage, and a last line with the counts."""
    lines: list[str] = []
    for result in summary.results:
        if not result.passed:
            lines += [*_failure(result, color=color), ""]
    lines += _coverage(summary.coverage)
    tests = counted(len(summary.results), "test")
    lines.append(f"{tests}, {summary.failed} failed" if summary.failed else f"{tests} passed")
    return "\n".join(lines)


def as_junit(summary: RunSummary) -> str:
    """Return the results in JUnit's XML, which continuous integration reads."""
    suite = ET.Element(
        "testsuite",
        name="router test",
        tests=str(len(summary.results)),
        failures=str(summary.failed),
    )
    for result in summary.results:
        file, line = result.location.rsplit(":", 2)[:2]
        case = ET.SubElement(
            suite, "testcase", classname=file, name=_xml(result.name), file=file, line=line
        )
        if not result.passed:
            failure = ET.SubElement(case, "failure", message=_xml(result.differences[0].lines[0]))
            failure.text = _xml("\n".join(_failure(result, color=False)))
    return ET.tostring(suite, encoding="unicode", xml_declaration=True)


def _failure(result: CaseResult, *, color: bool) -> list[str]:
    lines = [f"FAILED {printable(result.name)}"]
    for difference in result.differences:
        lines.append(f"  {difference.location}, {difference.at:g}s from the beginning")
        lines += [f"    {_painted(printable(line), color=color)}" for line in difference.lines]
    return lines


def _coverage(coverage: Coverage) -> list[str]:
    return [
        *(f"no test makes {name} fire" for name in coverage.never_fired),
        *(f"no test keeps {name} silent" for name in coverage.never_silent),
    ]


def _painted(line: str, *, color: bool) -> str:
    code = _COLOURS.get(line[:1])
    return f"\x1b[{code}m{line}\x1b[0m" if color and code else line


def _xml(text: str) -> str:
    """Return the text without characters that XML does not allow."""
    return "".join(each if each.isprintable() or each == "\n" else "\ufffd" for each in text)
