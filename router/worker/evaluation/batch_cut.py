"""Cuts the outcome of a batch into parts that are finished one by one. Pure."""

from collections.abc import Mapping
from typing import Final

import msgspec

from router.events.model import Event
from router.journal.delivery_sets import opened_bytes
from router.journal.finish import Quarantined
from router.worker.evaluation.decide import EvaluatedEvent

_RECORD_BYTES: Final = 300
"""Bytes of a record besides the event in it."""

Evaluation = EvaluatedEvent | Quarantined
"""The result of one event, before the store's decision."""


class BatchPart(msgspec.Struct, frozen=True, kw_only=True):
    """Events of a batch that are finished in one transaction."""

    evaluations: tuple[Evaluation, ...]
    finished: frozenset[int]
    """The positions of these events and of their duplicates in the batch."""
    size_bytes: int
    """About what the transaction writes."""

    @property
    def evaluated(self) -> list[EvaluatedEvent]:
        """The events that were evaluated."""
        return [each for each in self.evaluations if isinstance(each, EvaluatedEvent)]

    @property
    def quarantined(self) -> tuple[Quarantined, ...]:
        """The events that were not."""
        return tuple(each for each in self.evaluations if isinstance(each, Quarantined))

    @property
    def duplicates(self) -> int:
        """How many events were seen before."""
        return len(self.finished) - len(self.evaluations)


def cut(
    events: list[Event], evaluations: Mapping[int, Evaluation], *, limit_bytes: int
) -> list[BatchPart]:
    """Return the parts of a batch, in order; one if it is empty.

    A duplicate is in the part of the event that it repeats, or else a rerun after that part would
    take it for a new event. If that event is in another batch, it is in the first part.

    Args:
        events: All events of the batch.
        evaluations: The evaluation of each event that is no duplicate, by its position.
        limit_bytes: What a part may write. A single event may need more.
    """
    sizes = {position: _size(each) for position, each in evaluations.items()}
    total = sum(sizes.values())
    if total <= limit_bytes:
        everything = frozenset(range(len(events)))
        whole = tuple(evaluations.values())
        return [BatchPart(evaluations=whole, finished=everything, size_bytes=total)]
    groups: list[list[int]] = [[]]
    size = 0
    for position, needed in sizes.items():
        if groups[-1] and size + needed > limit_bytes:
            groups.append([])
            size = 0
        groups[-1].append(position)
        size += needed
    part_of = {
        events[position].key: number for number, group in enumerate(groups) for position in group
    }
    finished: list[set[int]] = [set() for _ in groups]
    for position, event in enumerate(events):
        finished[part_of.get(event.key, 0)].add(position)
    return [
        BatchPart(
            evaluations=tuple(evaluations[position] for position in group),
            finished=frozenset(positions),
            size_bytes=sum(sizes[position] for position in group),
        )
        for group, positions in zip(groups, finished, strict=True)
    ]


def _size(evaluation: Evaluation) -> int:
    if isinstance(evaluation, Quarantined):
        return len(evaluation.body) + _RECORD_BYTES
    body = len(evaluation.event.body)
    return sum(
        [
            opened_bytes(body, len(each.send_to), has_lanes=each.rule.features.identity is not None)
            for each in evaluation.possible
        ]
    )
