"""Judges the traces: their variables, and whether the collector takes a request without spans."""

import asyncio
import re
from collections.abc import Mapping
from typing import Final

import msgspec

from router.doctor.doctor_check import DoctorCheck, DoctorSection, SectionChecks
from router.errors import ConfigurationError
from router.tracing.process import check_traces
from router.tracing.standard_variables import (
    collector_address,
    disabling_variable,
    ignored_variables,
)

_checks = SectionChecks(DoctorSection.TRACES)
_TIMEOUT: Final = {"OTEL_EXPORTER_OTLP_TRACES_TIMEOUT": "5"}
"""Within the time of a section, whatever the time limit of exports."""
_FIXES: Final = {
    "HTTP 40[13]": "correct the key in OTEL_EXPORTER_OTLP_HEADERS",
    "HTTP 40[45]": (
        "correct the path: OTEL_EXPORTER_OTLP_ENDPOINT gets /v1/traces, _TRACES_ENDPOINT nothing"
    ),
    "HTTP 3": "write the URL that it redirects to, often with https",
    "SSLError": "name its authority in OTEL_EXPORTER_OTLP_CERTIFICATE",
}
_OTHER_FIX: Final = (
    "start the collector, or correct OTEL_EXPORTER_OTLP_ENDPOINT: the port of HTTP is 4318"
)


class TraceFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The state of traces that are switched on."""

    disabled_by: str = ""
    """The variable of OpenTelemetry that switches them off again; ``""`` if none does."""
    problem: str = ""
    """Why the router does not start; ``""`` if it does."""
    ignored: tuple[str, ...] = ()
    """The variables that have no effect, a sentence for each."""
    collector: str = ""
    """Its address, without what may be secret."""
    reason: str = ""
    """Why it did not take a request without spans; ``""`` if it did."""


async def read_trace_facts(environ: Mapping[str, str]) -> TraceFacts:
    """Return the facts; send a request without spans."""
    disabling = disabling_variable(environ)
    if disabling:
        return TraceFacts(disabled_by=disabling)
    try:
        check_traces(environ)
        reason = await asyncio.to_thread(_export_nothing, {**environ, **_TIMEOUT})
    except ConfigurationError as error:
        return TraceFacts(problem=str(error))
    return TraceFacts(
        ignored=tuple(ignored_variables(environ)),
        collector=collector_address(environ),
        reason=reason,
    )


def judge_traces(facts: TraceFacts) -> list[DoctorCheck]:
    """Return the checks of traces (pure)."""
    if facts.disabled_by:
        message = f"ROUTER_TRACES is otlp, and {facts.disabled_by} switches traces off"
        return [_checks.warning("disabled", message, "remove one of them")]
    if facts.problem:
        fix = "correct the variable; the router does not start with it"
        return [_checks.problem("variable", facts.problem, fix)]
    found = [
        _checks.warning("ignored", each, "remove the variable, or see docs/operate/tracing.md")
        for each in facts.ignored
    ]
    if not facts.reason:
        return [*found, _checks.ok("collector", f"{facts.collector} takes spans")]
    fix = next(
        (fix for pattern, fix in _FIXES.items() if re.match(pattern, facts.reason)), _OTHER_FIX
    )
    message = f"{facts.collector} does not take spans: {facts.reason}"
    return [*found, _checks.warning("collector", message, fix)]


def _export_nothing(environ: Mapping[str, str]) -> str:
    # Only now, because importing them takes as long as importing the router.
    from router.tracing.span_exporter import CollectorExporter, quiet_exports

    exporter = CollectorExporter(environ)
    try:
        with quiet_exports():
            return exporter.export([]).reason
    finally:
        exporter.close()
