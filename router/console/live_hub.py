"""The moving parts of open pages: one poll of Redis in a second, however many browsers look.

A page subscribes to *topics*. While at least one browser is subscribed to a topic, the hub reads that
topic once a second and sends what has changed to each subscriber; without subscribers it does
nothing. A topic is read once for all roles and shown once for each role that listens.

A subscriber that does not read its messages has a queue of bounded length. It is dropped when the
queue is full, and its browser subscribes again.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Final, NoReturn

import msgspec

from router.api.access import Role
from router.errors import JournalUnavailableError

logger = logging.getLogger(__name__)

POLL_SECONDS: Final = 1.0
QUEUE_LENGTH: Final = 32
"""Messages that wait for a slow subscriber: half a minute of a topic that always changes."""
MAX_SUBSCRIBERS: Final = 1000
_READ_SECONDS: Final = 3.0
"""Longer than a page waits for its frame (``frame_figures.py``), which then says that Redis is away."""
_HEARTBEAT: Final = b"event: beat\ndata: {}\n\n"
_HEARTBEAT_POLLS: Final = 10
"""Polls without a message after which a subscriber gets one that says only that the server is there:
a page that gets none for 25 s says that the server does not answer."""


class Topic(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that changes."""

    name: str
    read: Callable[[], Awaitable[Any]]
    """Reads what is shown; may raise JournalUnavailableError."""
    show: Callable[[Any, Role], Mapping[str, str | int]]
    """Returns parts of the page: id of an element -> its HTML; other values for scripts."""
    every: int = 1
    """Polls from one read to the next, of a topic that takes more to read and to show."""


class Subscriber:
    """An open page.

    Args:
        topics: Names of the topics that it shows.
        role: The role of its visitor.
        is_gone: Returns whether its connection has ended.
    """

    def __init__(self, topics: frozenset[str], role: Role, is_gone: Callable[[], bool]) -> None:
        self.topics = topics
        self.role = role
        self.is_gone = is_gone
        self._messages: asyncio.Queue[bytes] = asyncio.Queue(QUEUE_LENGTH)
        self._ended = False
        self._idle_polls = 0

    async def next(self) -> bytes:
        """Return the next message; ``b""`` when there will be none."""
        return await self._messages.get()

    def put(self, message: bytes) -> bool:
        """Queue a message; return False if the queue is full."""
        try:
            self._messages.put_nowait(message)
        except asyncio.QueueFull:
            return False
        self._idle_polls = 0
        return True

    def rest(self) -> bool:
        """Note a poll without a message; return False if a heartbeat was due and did not fit."""
        self._idle_polls += 1
        return self._idle_polls < _HEARTBEAT_POLLS or self.put(_HEARTBEAT)

    def end(self) -> None:
        """End it; what is queued is dropped."""
        while not self._messages.empty():
            self._messages.get_nowait()
        self._messages.put_nowait(b"")


class LiveHub:
    """Polls the topics and sends their changes. ``run`` is a task of the process.

    Args:
        topics: All topics.
        poll_seconds: Seconds between two polls.
    """

    def __init__(self, topics: Iterable[Topic], *, poll_seconds: float = POLL_SECONDS) -> None:
        self._topics = {topic.name: topic for topic in topics}
        self._poll_seconds = poll_seconds
        self._subscribers: set[Subscriber] = set()
        self._wanted = asyncio.Event()
        self._sent: dict[tuple[str, Role], dict[str, str | int]] = {}
        self._is_closed = False
        self.polls = 0
        """Polls so far."""

    @property
    def subscribers(self) -> int:
        """The number of open pages."""
        return len(self._subscribers)

    def known(self, names: Iterable[str]) -> frozenset[str]:
        """Return those of ``names`` that are topics."""
        return frozenset(names) & self._topics.keys()

    def subscribe(self, subscriber: Subscriber) -> bool:
        """Send messages to a subscriber from now on; return False if there are too many."""
        if self._is_closed or len(self._subscribers) >= MAX_SUBSCRIBERS:
            return False
        self._subscribers.add(subscriber)
        for topic in subscriber.topics:
            last = self._sent.get((topic, subscriber.role))
            if last:
                subscriber.put(_message(topic, last))
        self._wanted.set()
        return True

    def unsubscribe(self, subscriber: Subscriber) -> None:
        """Send it nothing more. Idempotent."""
        self._subscribers.discard(subscriber)
        if not self._subscribers:
            self._wanted.clear()
            self._sent.clear()

    def close(self) -> None:
        """End all subscribers and accept no more, because the process stops."""
        self._is_closed = True
        for subscriber in list(self._subscribers):
            subscriber.end()
            self.unsubscribe(subscriber)

    async def run(self) -> NoReturn:
        """Poll as long as there are subscribers; wait for one otherwise."""
        while True:
            await self._wanted.wait()
            await self.poll()
            await asyncio.sleep(self._poll_seconds)

    async def poll(self) -> None:
        """Read each topic that has subscribers, once, and send what has changed."""
        self.polls += 1
        self._drop(each for each in self._subscribers if each.is_gone())
        wanted: dict[str, set[Role]] = {}
        for subscriber in self._subscribers:
            for name in subscriber.topics:
                wanted.setdefault(name, set()).add(subscriber.role)
        # At the same time, so that the state is told soon while Redis does not answer.
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(self._changes(self._topics[name], roles))
                for name, roles in wanted.items()
                if self._is_due(self._topics[name], roles)
            ]
        messages: dict[tuple[str, Role], bytes] = {}
        for task in tasks:
            messages |= task.result()
        self._send(messages)

    def _is_due(self, topic: Topic, roles: set[Role]) -> bool:
        is_new = any((topic.name, role) not in self._sent for role in roles)
        return is_new or self.polls % topic.every == 0

    async def _changes(self, topic: Topic, roles: set[Role]) -> dict[tuple[str, Role], bytes]:
        try:
            async with asyncio.timeout(_READ_SECONDS):
                value = await topic.read()
            return self._shown(topic, value, roles)
        except (JournalUnavailableError, TimeoutError):
            return {}  # the topic of the state says so
        except Exception:  # the hub is a task of a process that accepts and delivers events
            logger.exception("live part not shown", extra={"topic": topic.name})
            return {}

    def _shown(self, topic: Topic, value: Any, roles: set[Role]) -> dict[tuple[str, Role], bytes]:
        messages = {}
        for role in roles:
            key = (topic.name, role)
            shown = topic.show(value, role)
            last = self._sent.get(key, {})
            changed = {name: each for name, each in shown.items() if last.get(name) != each}
            if changed:
                self._sent[key] = dict(shown)
                messages[key] = _message(topic.name, changed)
        return messages

    def _send(self, messages: Mapping[tuple[str, Role], bytes]) -> None:
        slow = []
        for subscriber in self._subscribers:
            own = [
                message
                for (name, role), message in messages.items()
                if role is subscriber.role and name in subscriber.topics
            ]
            keeps_up = subscriber.put(b"".join(own)) if own else subscriber.rest()
            if not keeps_up:
                slow.append(subscriber)
        self._drop(slow)

    def _drop(self, subscribers: Iterable[Subscriber]) -> None:
        for subscriber in list(subscribers):
            subscriber.end()
            self.unsubscribe(subscriber)


def _message(topic: str, parts: Mapping[str, str | int]) -> bytes:
    """Return a message of the event stream; JSON has no line ends of its own."""
    return b"event: %s\ndata: %s\n\n" % (topic.encode(), msgspec.json.encode(parts))
