"""The hub: what it reads, to whom it sends what, and what it does not wait for."""

from collections.abc import Mapping

import msgspec

from router.api.access import Role
from router.console.live_hub import QUEUE_LENGTH, LiveHub, Subscriber, Topic
from router.errors import JournalUnavailableError


class Watched:
    """A topic whose value a test sets, and whose reads it counts."""

    def __init__(self, name: str, *, every: int = 1) -> None:
        self.value: int | Exception = 1
        self.reads = 0
        self.topic = Topic(name=name, read=self._read, show=self._show, every=every)

    async def _read(self) -> int:
        self.reads += 1
        if isinstance(self.value, Exception):
            raise self.value
        return self.value

    def _show(self, value: int, role: Role) -> Mapping[str, str | int]:
        return {"same": "always", "part": f"{role} {value}"}


def subscriber(*topics: str, role: Role = Role.OPERATOR, is_gone: bool = False) -> Subscriber:
    return Subscriber(frozenset(topics), role, lambda: is_gone)


async def received(of: Subscriber) -> list[tuple[str, dict[str, str]]]:
    """Return the messages that wait, each with its topic."""
    of.put(b"")
    messages = []
    while message := await of.next():
        for each in message.decode().strip().split("\n\n"):
            topic, _, data = each.removeprefix("event: ").partition("\ndata: ")
            messages.append((topic, msgspec.json.decode(data)))
    return messages


async def test_a_topic_is_read_once_for_all_and_only_what_changed_is_sent() -> None:
    watched, other = Watched("a"), Watched("b")
    hub = LiveHub([watched.topic, other.topic])
    first, second = subscriber("a"), subscriber("a", role=Role.VIEWER)
    hub.subscribe(first)
    hub.subscribe(second)
    await hub.poll()
    await hub.poll()
    watched.value = 2
    await hub.poll()
    late = subscriber("a")
    hub.subscribe(late)

    assert (watched.reads, other.reads) == (3, 0)
    assert await received(first) == [
        ("a", {"same": "always", "part": "operator 1"}),
        ("a", {"part": "operator 2"}),
    ]
    assert (await received(second))[-1] == ("a", {"part": "viewer 2"})
    assert await received(late) == [("a", {"same": "always", "part": "operator 2"})]


async def test_a_topic_that_takes_more_is_read_less_often_but_at_once_for_a_new_page() -> None:
    slow = Watched("a", every=3)
    hub = LiveHub([slow.topic])
    hub.subscribe(subscriber("a"))
    reads = []
    for _ in range(6):
        await hub.poll()
        reads.append(slow.reads)

    assert reads == [1, 1, 2, 2, 2, 3]


async def test_an_error_of_one_topic_ends_neither_the_hub_nor_another_topic() -> None:
    broken, well = Watched("a"), Watched("b")
    hub = LiveHub([broken.topic, well.topic])
    page = subscriber("a", "b")
    hub.subscribe(page)
    for error in (JournalUnavailableError("away"), KeyError("a template's")):
        broken.value = error
        await hub.poll()

    assert [topic for topic, _ in await received(page)] == ["b"]


async def test_a_page_that_reads_nothing_or_is_gone_is_dropped() -> None:
    watched = Watched("a")
    hub = LiveHub([watched.topic])
    slow = subscriber("a")
    hub.subscribe(slow)
    hub.subscribe(subscriber("a", is_gone=True))
    await hub.poll()
    left = hub.subscribers
    for value in range(QUEUE_LENGTH + 1):
        watched.value = value + 2
        await hub.poll()

    assert (left, hub.subscribers) == (1, 0)
    assert await slow.next() == b""


async def test_a_page_to_which_nothing_happens_gets_a_beat() -> None:
    hub = LiveHub([Watched("a").topic])
    page = subscriber("a")
    hub.subscribe(page)
    for _ in range(11):
        await hub.poll()

    assert [topic for topic, _ in await received(page)] == ["a", "beat"]
