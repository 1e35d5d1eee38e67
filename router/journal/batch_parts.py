"""Takes a batch apart, so that no transaction that finishes it is too large.

A part is some events of the batch. The transaction that finishes it opens what results from them and
removes them from the batch, so that a rerun begins with the rest, by whatever rules are active then.
"""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import Final

import msgspec

from router.journal.finish import Rest, Rewritten
from router.journal.script import binary

_encode: Final = msgspec.msgpack.encode
_decode: Final = msgspec.msgpack.Decoder(list[msgspec.Raw]).decode


class StoredEvents:
    """The events of a batch as they are stored, a list for each commit.

    They are not decoded, because a newer router may have added fields to them.

    Args:
        payloads: The events.
        claims: Whether the batch may evaluate each of them.
    """

    def __init__(self, payloads: Sequence[bytes], claims: Sequence[bool]) -> None:
        position = 0
        self._claims = dict(enumerate("1" if mine else "0" for mine in claims))
        self._payloads: list[list[tuple[int, msgspec.Raw]]] = []
        for payload in payloads:
            events = list(enumerate(_decode(payload), position))
            position += len(events)
            self._payloads.append(events)

    def take(self, finished: AbstractSet[int]) -> Rest | None:
        """Remove events.

        Args:
            finished: Their positions in the whole batch.

        Returns:
            What remains; None if nothing does.
        """
        rewritten = []
        for position in finished:
            self._claims.pop(position, None)
        for at, events in enumerate(self._payloads):
            left = [event for event in events if event[0] not in finished]
            if len(left) != len(events):
                self._payloads[at] = left
                rewritten.append(Rewritten(at, binary(_encode([raw for _, raw in left]))))
        dropped = 0
        while self._payloads and not self._payloads[0]:
            del self._payloads[0]
            dropped += 1
        if not self._payloads:
            return None
        return Rest(
            dropped,
            [each for each in rewritten if each.at >= dropped],
            "".join(self._claims.values()),
        )
