"""Events at a steady rate whatever the router does, and receivers that count instead of storing.

Made for runs of an hour: each event costs a few hundred bytes here, whatever its deliveries weigh.
"""

import asyncio
import random
import re
import time
from collections import Counter
from collections.abc import Callable
from typing import Final, Self

import aiohttp
import msgspec
from aiohttp import web

from router.datatypes import Secret

TOKEN: Final = Secret("events-token-of-the-test")
_PAUSE: Final = 0.25
_RULE: Final = re.compile(rb'"rule":"([^"]+)"')
_EVENT: Final = re.compile(rb'"id":"(E\d+)"')


class SteadyLoad:
    """Sends events ``E0``, ``E1``, … and repeats each until it gets a 2xx.

    ``accepted`` is the moment of each 2xx, in seconds of the monotonic clock.
    """

    def __init__(self, url: str, *, rate: float, keys: int = 50, pause: float = _PAUSE) -> None:
        self._url = f"{url}/events"
        self._rate = rate
        self._keys = keys
        self._pause = pause
        self._stopped = asyncio.Event()
        self.sent = 0
        self.accepted: dict[str, float] = {}
        self.refused: Counter[int] = Counter()
        """Responses other than 2xx by status; 0 for a connection that failed."""
        self.slowest = 0.0
        """Seconds of the slowest response of any status."""

    def stop(self) -> None:
        """Send no new event; those that have no 2xx yet are repeated until they have."""
        self._stopped.set()

    async def run(self, *, limit: int | None = None) -> None:
        """Send until ``stop``, or ``limit`` events; return when all are accepted."""
        timeout = aiohttp.ClientTimeout(total=10)
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {TOKEN.reveal()}"}
        connector = aiohttp.TCPConnector(limit=200)
        async with (
            aiohttp.ClientSession(timeout=timeout, headers=headers, connector=connector) as session,
            asyncio.TaskGroup() as group,
        ):
            began = time.monotonic()
            while not self._stopped.is_set() and (limit is None or self.sent < limit):
                group.create_task(self._send(session, self.sent))
                self.sent += 1
                await self._rest(began + self.sent / self._rate - time.monotonic())

    async def _rest(self, seconds: float) -> None:
        if seconds > 0:
            try:
                async with asyncio.timeout(seconds):
                    await self._stopped.wait()
            except TimeoutError:
                pass

    async def _send(self, session: aiohttp.ClientSession, number: int) -> None:
        event_id = f"E{number}"
        event = {
            "specversion": "1.0",
            "id": event_id,
            "source": "load",
            "type": "com.example.job",
            "data": {"k": number % self._keys, "text": "x" * 200},
        }
        body = msgspec.json.encode(event)
        while True:
            began = time.monotonic()
            status = await self._attempt(session, body)
            ended = time.monotonic()
            self.slowest = max(self.slowest, ended - began)
            if status // 100 == 2:
                self.accepted[event_id] = ended
                return
            self.refused[status] += 1
            await asyncio.sleep(self._pause)

    async def _attempt(self, session: aiohttp.ClientSession, body: bytes) -> int:
        try:
            async with session.post(self._url, data=body) as response:
                await response.read()
                return response.status
        except (aiohttp.ClientError, TimeoutError):
            return 0


class Tally:
    """An HTTP receiver that counts. ``status`` is its answer, ``delay`` the seconds before it.

    Args:
        fails: The share of requests that get 503, drawn with ``seed``.
    """

    def __init__(self, *, fails: float = 0.0, seed: int = 0) -> None:
        self.url = ""
        self.status = 200
        self.delay = 0.0
        self.refused = 0
        self.at_once = 0
        """Requests that are being answered."""
        self.most_at_once = 0
        self.arrived: Counter[str] = Counter()
        """How often each event arrived by the rule ``all``, refused requests left out."""
        self.deliveries: Counter[str] = Counter()
        """How often each delivery arrived, by its id, of all rules."""
        self.on_arrival: Callable[[str, float], None] = lambda _event, _now: None
        """Called with the event and the time at the first arrival by the rule ``all``."""
        self._fails = fails
        self._chance = random.Random(seed)  # noqa: S311 - repeatable

    async def __aenter__(self) -> Self:
        self._runner = web.ServerRunner(
            web.Server(self._receive, access_log=None), shutdown_timeout=0.1
        )
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}/hook"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    @property
    def repeated(self) -> int:
        """Return the arrivals beyond the first of a delivery."""
        return self.deliveries.total() - len(self.deliveries)

    async def _receive(self, request: web.BaseRequest) -> web.Response:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            return await self._answer(request)
        finally:
            self.at_once -= 1

    async def _answer(self, request: web.BaseRequest) -> web.Response:
        body = await request.content.read()
        if self.delay:
            await asyncio.sleep(self.delay)
        if self.status != 200 or (self._fails and self._chance.random() < self._fails):
            self.refused += 1
            return web.Response(status=503 if self.status == 200 else self.status)
        self.deliveries[request.headers["webhook-id"]] += 1
        rule = _RULE.search(body)
        if rule and rule[1] == b"all":
            (event_id,) = (found.decode() for found in _EVENT.findall(body))
            self.arrived[event_id] += 1
            if self.arrived[event_id] == 1:
                self.on_arrival(event_id, time.monotonic())
        return web.Response()


def rules(
    urls: dict[str, str], *, retry: str = "{first: 200ms, longest: 20s, attempts: 100}"
) -> str:
    """Return a rules file: the rule ``all`` sends each event to each of the receivers.

    Two further rules keep state for each of the load's keys and send to the first receiver.
    """
    destinations = "".join(
        f'  {name}: {{http: {{url: "{url}", retry: {retry},'
        " breaker: {open_for: 1s, longest: 10s}}}\n"
        for name, url in urls.items()
    )
    first = next(iter(urls))
    return (
        f"destinations:\n{destinations}"
        f'rules:\n  - {{name: all, events: ["*"], send_to: [{", ".join(urls)}]}}\n'
        f'  - {{name: storm, events: ["*"], count: {{at_least: 20, within: 10m, by: [data.k]}},'
        f" cooldown: {{for: 5m, by: [data.k]}}, send_to: [{first}]}}\n"
        f'  - {{name: together, events: ["*"], group: {{by: [data.k], wait: 5s, interval: 30s}},'
        f" send_to: [{first}]}}\n"
    )
