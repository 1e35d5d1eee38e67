"""The mapping of a preset, without its verifier."""

from typing import Final

from router.configuration.readers.sources import preset_parts
from router.sources.mapping import MappingLimits, SourceMapping
from router.sources.spec import SourceSpec

LIMITS: Final = MappingLimits(max_events=1000, max_depth=64, max_values=100_000)


def source(name: str) -> SourceSpec:
    parts = preset_parts(name)
    return SourceSpec(
        name=name,
        path=f"/in/{name}",
        preset=name,
        split=parts.split,
        skip=parts.skip,
        event=parts.event,
        replies=parts.replies,
    )


def mapping_of(preset: str) -> SourceMapping:
    return SourceMapping(source(preset), LIMITS, lambda: "a-new-id")
