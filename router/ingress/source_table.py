"""The sources that are active: their verifiers and mappings, found by path.

The table is built when a configuration is used for the first time, so that a reload replaces all of it
between two requests.
"""

from collections.abc import Callable, Mapping, Sequence

import msgspec

from router.datatypes import Secret
from router.ingress.rate_limit import TokenBuckets
from router.sources.contract import Verifier, VerifierEnvironment
from router.sources.mapping import MappingLimits, SourceMapping
from router.sources.spec import SourceSpec
from router.sources.verifiers.kinds import build_verifier


class ActiveSource(msgspec.Struct, frozen=True):
    """A source with its parts."""

    spec: SourceSpec
    verifiers: tuple[Verifier, ...]
    mapping: SourceMapping
    buckets: TokenBuckets

    @property
    def is_verified(self) -> bool:
        """Whether its senders prove who they are."""
        return bool(self.verifiers)

    @property
    def needs_exact_body(self) -> bool:
        """Whether a verifier checks the bytes of the body."""
        return any(each.needs_exact_body() for each in self.verifiers)


class SourceTable:
    """Finds sources by path.

    Args:
        specs: Returns the sources of the active configuration, the same object until it changes.
        environment: Shared by all verifiers.
        limits: Limits of a request.
        new_id: Makes ids of events.
        monotonic: The clock, in seconds.
    """

    def __init__(
        self,
        specs: Callable[[], Sequence[SourceSpec]],
        environment: VerifierEnvironment,
        limits: MappingLimits,
        new_id: Callable[[], str],
        monotonic: Callable[[], float],
    ) -> None:
        self._specs = specs
        self._environment = environment
        self._limits = limits
        self._new_id = new_id
        self._monotonic = monotonic
        self._built_of: Sequence[SourceSpec] | None = None
        self._by_path: dict[str, ActiveSource] = {}

    def find(self, path: str) -> ActiveSource | None:
        """Return the source of a path; None if there is none."""
        specs = self._specs()
        if specs is not self._built_of:
            before = {each.spec.name: each for each in self._by_path.values()}
            secrets = {spec.name: _secrets(spec) for spec in specs}
            self._by_path = {
                spec.path: self._active(spec, secrets, before.get(spec.name)) for spec in specs
            }
            self._built_of = specs
        return self._by_path.get(path)

    def _active(
        self,
        spec: SourceSpec,
        secrets: Mapping[str, tuple[Secret, ...]],
        before: ActiveSource | None,
    ) -> ActiveSource:
        others = {name: each for name, each in secrets.items() if name != spec.name}
        environment = msgspec.structs.replace(self._environment, other_secrets=others)
        same_rate = before is not None and before.spec.rate == spec.rate
        return ActiveSource(
            spec,
            tuple(build_verifier(config, environment) for config in spec.verify.values()),
            SourceMapping(spec, self._limits, self._new_id),
            before.buckets if before is not None and same_rate else self._buckets(spec),
        )

    def _buckets(self, spec: SourceSpec) -> TokenBuckets:
        rate = spec.rate
        return TokenBuckets(
            rate=0 if rate is None else rate.limit / rate.per,
            burst=1 if rate is None else max(rate.limit, rate.burst),
            monotonic=self._monotonic,
            by="source",
        )


def _secrets(spec: SourceSpec) -> tuple[Secret, ...]:
    return tuple(secret for config in spec.verify.values() for secret in config.all_secrets())
