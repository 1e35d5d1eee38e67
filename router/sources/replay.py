"""Maps the requests of sources in quarantine again, by the sources that are active now."""

from collections.abc import Callable, Sequence

from router.errors import EventError
from router.events.model import Event, UnmappedRequest
from router.sources.mapping import MappingLimits, SourceMapping
from router.sources.mapping_budget import MappingBudget
from router.sources.remapping import remapped
from router.sources.spec import SourceSpec


class RequestReplay:
    """Maps requests of sources again.

    Args:
        sources: Returns the active sources.
        limits: Limits of a request.
        new_id: Makes the id of an event whose source gives none.
        new_budget: Makes the limits of the cost of a request.
    """

    def __init__(
        self,
        sources: Callable[[], Sequence[SourceSpec]],
        limits: MappingLimits,
        new_id: Callable[[], str],
        new_budget: Callable[[], MappingBudget],
    ) -> None:
        self._sources = sources
        self._limits = limits
        self._new_id = new_id
        self._new_budget = new_budget

    def events(
        self, request: UnmappedRequest, body: bytes, received_at: float
    ) -> list[Event] | None:
        """Return the events of a request; None if it still cannot be mapped, or has no source.

        Args:
            request: The rest of the request.
            body: The body, or an item of it.
            received_at: Unix time in seconds.
        """
        spec = next((each for each in self._sources() if each.name == request.source), None)
        if spec is None:
            return None
        mapping = SourceMapping(spec, self._limits, self._new_id)
        try:
            return remapped(mapping, request, body, received_at, self._new_budget())
        except EventError:
            return None
