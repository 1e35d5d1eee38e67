"""Events at a steady rate, and how long each took to its receivers."""

import asyncio
import re

import aiohttp
import msgspec

from support.events import event_from
from support.sinks import HttpSink


class Pace:
    """Sends Twilio's example under ids ``NO<first>``… to ``/events``, so many a second.

    ``sent`` is when each was sent, in seconds of the event loop's clock.
    """

    def __init__(self, sample: bytes) -> None:
        self._event = msgspec.json.decode(event_from(sample, status="summary_timeout").body)
        self.sent: dict[str, float] = {}
        self._next = 0
        self._arrivals: dict[str, dict[str, float]] = {}
        self._read: dict[str, int] = {}

    async def run(self, url: str, *, rate: float, seconds: float) -> list[str]:
        """Returns the ids, once all were accepted. A late request does not delay the next."""
        loop = asyncio.get_running_loop()
        ids = [f"NO{self._next + number}" for number in range(int(rate * seconds))]
        self._next += len(ids)
        began = loop.time()
        async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as group:
            for number, event_id in enumerate(ids):
                await asyncio.sleep(max(0.0, began + number / rate - loop.time()))
                group.create_task(self._send(session, url, event_id))
        return ids

    async def _send(self, session: aiohttp.ClientSession, url: str, event_id: str) -> None:
        body = msgspec.json.encode({**self._event, "id": event_id})
        self.sent[event_id] = asyncio.get_running_loop().time()
        headers = {"Content-Type": "application/json"}
        async with session.post(f"{url}/events", data=body, headers=headers) as response:
            assert response.status == 202, await response.text()

    def arrivals(self, sink: HttpSink) -> dict[str, float]:
        """Id -> when the sink had it for the first time."""
        known = self._arrivals.setdefault(sink.url, {})
        for request in sink.requests[self._read.get(sink.url, 0) :]:
            (event_id,) = re.findall(rb'"id":"(NO\d+)"', request.body)
            known.setdefault(event_id.decode(), request.at)
        self._read[sink.url] = len(sink.requests)
        return known

    def have_all(self, sink: HttpSink, ids: list[str]) -> bool:
        return self.arrivals(sink).keys() >= set(ids)

    def latencies(self, sink: HttpSink, ids: list[str]) -> list[float]:
        """Seconds from sending to receiving, sorted."""
        arrivals = self.arrivals(sink)
        return sorted(arrivals[each] - self.sent[each] for each in ids)


def percentile(sorted_values: list[float], share: float) -> float:
    return sorted_values[min(len(sorted_values) - 1, int(len(sorted_values) * share))]
