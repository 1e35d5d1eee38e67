"""The decision which traces are recorded. Pure.

Source: OpenTelemetry specification 1.50, "Tracing SDK", section "Sampling", and "Environment Variable
Specification" (https://opentelemetry.io/docs/specs/otel/trace/sdk/#sampling).
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from router.tracing.contexts import TraceContext

SAMPLER: Final = "OTEL_TRACES_SAMPLER"
SAMPLER_ARGUMENT: Final = "OTEL_TRACES_SAMPLER_ARG"

_LOW_64: Final = (1 << 64) - 1
_ALL: Final = 1 << 64
_RATIO: Final = "traceidratio"
_ROOTS: Final = {"always_on": _ALL, "always_off": 0}
_PARENT_BASED: Final = "parentbased_"


class Sampling(msgspec.Struct, frozen=True):
    """Records a share of all traces, decided by the id of each so that all services agree."""

    bound: int = _ALL
    """The traces whose low 64 bits are below it are recorded."""
    follows_parent: bool = True
    """Whether a trace that began elsewhere is recorded as its sender says."""

    def records(self, trace_id: int) -> bool:
        """Return whether a trace that begins here is recorded."""
        return trace_id & _LOW_64 < self.bound

    def records_child(self, parent: TraceContext) -> bool:
        """Return whether a trace that began elsewhere is recorded."""
        return parent.is_sampled if self.follows_parent else self.records(int(parent.trace_id, 16))


DEFAULT: Final = Sampling()
"""``parentbased_always_on``, the default of the specification."""


def read_sampling(environ: Mapping[str, str]) -> tuple[Sampling, str]:
    """Return the sampling of the standard variables, and a problem with them.

    As the specification says, a variable that is wrong counts as unset and is warned of. The problem
    is ``""`` if there is none.
    """
    name = environ.get(SAMPLER, "").strip().lower()
    if not name:
        return DEFAULT, ""
    root = name.removeprefix(_PARENT_BASED)
    follows_parent = root != name
    if root in _ROOTS:
        return Sampling(_ROOTS[root], follows_parent), ""
    if root != _RATIO:
        expected = ", ".join([*_ROOTS, _RATIO])
        return (
            DEFAULT,
            f"{SAMPLER} is {name[:80]!r}, expected {expected}, or {_PARENT_BASED} and one",
        )
    text = environ.get(SAMPLER_ARGUMENT, "").strip() or "1"
    try:
        ratio = float(text)
    except ValueError:
        ratio = -1.0
    if not 0 <= ratio <= 1:
        problem = f"{SAMPLER_ARGUMENT} is {text[:80]!r}, expected a number from 0 to 1"
        return Sampling(_ALL, follows_parent), problem
    return Sampling(round(ratio * _ALL), follows_parent), ""
