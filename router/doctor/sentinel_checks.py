"""Judges what the sentinels of ROUTER_REDIS_URL say (pure)."""

from collections.abc import Iterator, Sequence
from typing import Final

from router.doctor.doctor_check import DoctorCheck, DoctorSection, SectionChecks
from router.journal.sentinel_report import SentinelReport

_FEWEST: Final = 3
"""Sentinels that can agree on a failover after one of them was lost. Source: redis.io, "High
availability with Redis Sentinel"."""

_checks = SectionChecks(DoctorSection.REDIS)


def judge_sentinels(reports: Sequence[SentinelReport]) -> list[DoctorCheck]:
    """Return the checks of sentinels; none for a URL without."""
    if not reports:
        return []
    answering = [each for each in reports if not each.problem]
    found = [_of_problem(each, others=bool(answering)) for each in reports if each.problem]
    primaries = sorted({each.primary for each in answering})
    if len(primaries) > 1:
        found.append(
            _checks.problem(
                "sentinel",
                f"the sentinels name different primaries: {', '.join(primaries)}",
                "wait for the end of a failover; else compare their configurations (sentinel monitor)",
            )
        )
    found += [check for each in answering for check in _of_answer(each)]
    if len(primaries) == 1:
        known = max(each.sentinels for each in answering)
        message = f"{len(answering)} of {len(reports)} sentinels name the primary {primaries[0]}"
        if known < _FEWEST:
            fix = "run three sentinels on three machines, so that two can agree without the third"
            found.append(_checks.warning("sentinel", f"{message}; {known} know each other", fix))
        else:
            found.insert(0, _checks.ok("sentinel", message))
    return found


def _of_problem(report: SentinelReport, *, others: bool) -> DoctorCheck:
    message = f"sentinel {report.address} {report.problem}"
    judged = _checks.warning if others else _checks.problem
    return judged("sentinel", message, report.advice)


def _of_answer(report: SentinelReport) -> Iterator[DoctorCheck]:
    who = f"sentinel {report.address}"
    if report.is_failing_over or report.is_down:
        state = "leads a failover" if report.is_failing_over else "takes the primary as down"
        yield _checks.warning("sentinel", f"{who} {state}", "wait, or check the primary")
    if report.quorum_problem:
        yield _checks.warning(
            "sentinel",
            f"{who} could not fail over now: {report.quorum_problem}",
            f"bring the other sentinels back: the quorum is {report.quorum}",
        )
