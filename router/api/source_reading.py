"""Reads the sources of a router: what the rules folder says, and what Redis has counted."""

from collections.abc import Callable, Iterable, Sequence
from typing import Final

import msgspec

from router.api.source_views import (
    SHOWN_WITH_REQUESTS,
    KnownSource,
    SourceActivity,
    SourceDetails,
    SourceState,
    SourceView,
    known_sources,
    source_details,
    source_view,
    state_of,
)
from router.clock import Clock
from router.ingress.source_record import UNKNOWN
from router.journal.connection import Connection
from router.journal.series import ALL, Resolution, Series, series_name
from router.journal.source_log import RefusedRequest, SourceLog
from router.settings.model import Settings
from router.sources.spec import SourceSpec
from router.suggestions import closest_match

HOUR_MINUTES: Final = 60
"""Minutes of the counts of the last hour, the one that is still counted included."""
MANY_REFUSALS: Final = 10
"""Refused requests of the last hour that are worth a word to an operator on another page."""


class SourceReader:
    """Reads sources for the API and the console. Its methods raise JournalUnavailableError.

    Args:
        connection: The journal.
        clock: The time.
        settings: Those of the sources that every router has.
        sources: Returns the sources of the rules folder.
        receives: Whether this process receives requests, and so has the secrets of sources.
    """

    def __init__(
        self,
        connection: Connection,
        clock: Clock,
        settings: Settings,
        sources: Callable[[], Sequence[SourceSpec]],
        *,
        receives: bool,
    ) -> None:
        self._log = SourceLog(connection, clock)
        self._series = Series(connection, clock)
        self._settings = settings
        self._sources = sources
        self._receives = receives

    @property
    def public_url(self) -> str:
        """Return ROUTER_PUBLIC_URL without a slash at its end; ``""`` if it is not set."""
        return self._settings.public_url.rstrip("/")

    def names(self) -> list[str]:
        """Return the names of all sources, those of the rules folder first."""
        return [each.name for each in self._known()]

    async def all(self) -> list[SourceView]:
        """Return all sources: those of the rules folder by name, then those of every router."""
        known = self._known()
        activity = await self._activity(known, refusals=1)
        return [
            source_view(each, activity[each.name], self.public_url)
            for each in known
            if each.path not in SHOWN_WITH_REQUESTS or activity[each.name].counts.since is not None
        ]

    async def refusing(self) -> tuple[str, ...]:
        """Return the sources that refuse much of what they accepted before."""
        known = self._known()
        activity = await self._activity(known, refusals=0)
        return tuple(
            each.name
            for each in known
            if state_of(each, activity[each.name]) is SourceState.REFUSING
            and activity[each.name].counts.last_accepted_at is not None
            and activity[each.name].refused_last_hour >= MANY_REFUSALS
        )

    async def one(self, name: str, *, limit: int) -> SourceDetails | None:
        """Return a source with up to ``limit`` refusals; None if there is none of this name."""
        known = next((each for each in self._known() if each.name == name), None)
        if known is None:
            return None
        activity = (await self._activity([known], refusals=limit))[name]
        return source_details(known, activity, self.public_url)

    def _known(self) -> list[KnownSource]:
        return known_sources(self._settings, self._sources(), receives=self._receives)

    async def _activity(
        self, known: Iterable[KnownSource], *, refusals: int
    ) -> dict[str, SourceActivity]:
        names = [each.name for each in known]
        counts = await self._log.counts(names)
        latest = await self._log.refusals(names if refusals else (), limit=refusals)
        series = {name: _series_of(name) for name in names}
        wanted = [each for pair in series.values() for each in pair]
        minutes = await self._series.read(wanted, Resolution.MINUTE, HOUR_MINUTES)
        return {
            name: SourceActivity(
                counts=counts[name],
                accepted_last_hour=sum(minutes[accepted]),
                refused_last_hour=sum(minutes[refused]),
                refusals=self._shown(name, latest.get(name, [])),
            )
            for name, (accepted, refused) in series.items()
        }

    def _shown(self, name: str, refusals: Sequence[RefusedRequest]) -> Sequence[RefusedRequest]:
        """Return refusals; those of unknown paths with the path that the sender probably means.

        It is found when they are shown, because a storm of requests must not pay for it.
        """
        if name != UNKNOWN:
            return refusals
        paths = [each.path for each in self._sources()]
        found = ((each, closest_match(each.path, paths)) for each in refusals)
        return [
            msgspec.structs.replace(each, hint=f"did you mean {path}?") if path else each
            for each, path in found
        ]


def _series_of(name: str) -> tuple[str, str]:
    return (
        series_name("events_received", name, "accepted"),
        series_name("requests_refused", name, ALL),
    )
