"""When keyed alerts must be judged again, in this process; in Redis it is a sorted set."""

import heapq


class LookTimes:
    """The time of the next look at each keyed alert, in Unix ms."""

    def __init__(self) -> None:
        self.times: dict[str, int] = {}
        """Key of the alert -> Unix ms."""
        self._heap: list[tuple[int, str]] = []
        """Has each time of ``times``, and older ones of the same keys."""

    def set(self, key: str, at: int) -> None:
        """Look at an alert at this time, and not before."""
        if self.times.get(key) != at:
            self.times[key] = at
            heapq.heappush(self._heap, (at, key))

    def bring_forward(self, key: str, at: int) -> None:
        """Look at an alert at this time, or before if that is set."""
        self.set(key, min(at, self.times.get(key, at)))

    def drop(self, key: str) -> None:
        """Set no look at an alert."""
        self.times.pop(key, None)

    def next(self) -> int | None:
        """Return the time of the next look; None if there is none."""
        while self._heap and self.times.get(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def take(self, now: int) -> list[str]:
        """Take the alerts whose time has come, in order."""
        taken = []
        while (at := self.next()) is not None and at <= now:
            _, key = heapq.heappop(self._heap)
            del self.times[key]
            taken.append(key)
        return taken
