"""Batches that a receiver rejects: every innocent delivery arrives."""

import asyncio

import msgspec
import pytest
from support.sinks import HttpSink, Received, Reply

from router.alerts import Attempt, Delivered, DeliveryId, Failed, Refused
from router.datatypes import ByteSize, Duration, Secret
from router.destinations.http import HttpDestination
from router.destinations.http_batches import UNDECIDED, BatchItem, BatchSender, batch_limit
from router.destinations.http_config import BatchConfig, HttpConfig
from router.destinations.rendering.json_body import Body, Format
from router.media_types import CLOUDEVENT


class SlowSink(HttpSink):
    """Takes batches of up to ``most`` elements without a bad one, and a while for each request."""

    def __init__(self, *, most: int = 1000, bad: tuple[str, ...] = (), seconds: float = 0.0):
        super().__init__()
        self.taken: list[str] = []
        self.busy = self.busiest = 0
        self._most, self._bad, self._seconds = most, bad, seconds

    async def _receive(self, request):
        self.busy += 1
        self.busiest = max(self.busy, self.busiest)
        await asyncio.sleep(self._seconds)
        self.busy -= 1
        return await super()._receive(request)

    def reply_to(self, request: Received) -> Reply:
        ids = [each["id"] for each in request.json()]
        if len(ids) > self._most:
            return Reply(413)
        if set(ids) & set(self._bad):
            return Reply(422)
        self.taken += ids
        return Reply(202)


@pytest.fixture
def fifty(delivery):
    return [
        msgspec.structs.replace(delivery, id=DeliveryId(f"msg_{number:02}")) for number in range(50)
    ]


def made(sink, environment, *, seconds: float, concurrency: int = 20, **more) -> HttpDestination:
    config = HttpConfig(
        url=Secret(sink.url),
        format=Format.CLOUDEVENTS,
        batch=BatchConfig(max=50, wait=Duration(0.5)),
        timeout=Duration(seconds),
        concurrency=concurrency,
        **more,
    )
    return HttpDestination("x", config, environment)


async def attempt_all(destination, deliveries):
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(destination.attempt(each)) for each in deliveries]
    return [task.result() for task in tasks]


@pytest.mark.parametrize("concurrency", [2, 20])
async def test_halving_is_not_cut_off_by_the_time_of_one_request(concurrency, environment, fifty):
    """Case D29: 413 for more than 3 elements, each reply after a while, a short timeout."""
    async with SlowSink(most=3, seconds=0.05) as sink:
        destination = made(sink, environment, seconds=0.6, concurrency=concurrency)
        await destination.open()
        outcomes = await attempt_all(destination, fifty)
        await destination.close()
    assert outcomes == [Delivered(202)] * 50
    assert sorted(sink.taken) == [each.id for each in fifty]
    assert sink.busiest <= concurrency


async def test_the_innocents_of_a_batch_with_bad_deliveries_arrive(environment, fifty):
    """Case D29."""
    bad = ("msg_00", "msg_07", "msg_23", "msg_24", "msg_49")
    async with SlowSink(bad=bad, seconds=0.05) as sink:
        destination = made(sink, environment, seconds=0.6)
        await destination.open()
        outcomes = await attempt_all(destination, fifty)
        await destination.close()
    assert sorted(sink.taken) == sorted({each.id for each in fifty} - set(bad))
    refused = [
        each.id for each, outcome in zip(fifty, outcomes, strict=True) if type(outcome) is Refused
    ]
    assert tuple(refused) == bad


async def test_a_size_that_was_too_large_is_not_tried_again_for_a_while(environment, time, fifty):
    """Case D29: the size that fits is remembered."""
    requests = []
    async with SlowSink(most=7) as sink:
        destination = made(sink, environment, seconds=2)
        await destination.open()
        for later in (0, 60, 4000):
            time.now += later
            before = len(sink.requests)
            assert await attempt_all(destination, fifty) == [Delivered(202)] * 50
            rejected = [each for each in sink.requests[before:] if len(each.json()) > 7]
            requests.append((len(sink.requests) - before, len(rejected)))
        await destination.close()
    (first, some), (second, none), (third, again) = requests
    assert some > 0
    assert none == 0
    assert second < first
    assert again > 0
    assert third <= first


async def test_a_batch_is_cut_to_what_the_receiver_takes(environment, fifty):
    """Case D27: ``max_body`` with ``batch``."""
    async with SlowSink() as sink:
        destination = made(sink, environment, seconds=2, max_body=ByteSize(8192))
        await destination.open()
        assert await attempt_all(destination, fifty) == [Delivered(202)] * 50
        await destination.close()
    assert len(sink.requests) > 1
    assert max(len(request.body) for request in sink.requests) <= 8192


def item(delivery, number: int) -> BatchItem:
    return BatchItem(
        msgspec.structs.replace(delivery, id=DeliveryId(f"msg_{number}")),
        Body(b'{"n":%d}' % number, CLOUDEVENT),
    )


async def test_when_the_time_is_up_the_decided_ones_keep_their_outcome(delivery, time):
    """Case D29."""

    async def send(body, _message_id):
        numbers = [each["n"] for each in msgspec.json.decode(body.content)]
        if len(numbers) > 1:
            return Refused("too large", 413)
        if numbers[0] > 1:
            await asyncio.Event().wait()
        return Delivered(200)

    sender = BatchSender(send, concurrency=9, longest=0.1, max_body=None, now=lambda: time.now)
    outcomes = await sender.send([item(delivery, number) for number in range(4)])
    assert outcomes == [Delivered(200)] * 2 + [Failed(UNDECIDED)] * 2


@pytest.mark.parametrize(
    ("reasons", "most"),
    [
        ([], 100),
        (["HTTP 503"] * 9, 100),
        ([UNDECIDED], 50),
        (["x", UNDECIDED, UNDECIDED], 25),
        ([UNDECIDED] * 9, 1),
    ],
)
def test_an_undecided_delivery_is_retried_in_a_smaller_batch(reasons, most, delivery):
    """Case D29."""
    history = tuple(
        Attempt(number=number, at=0.0, seconds=0.0, reason=reason)
        for number, reason in enumerate(reasons, 1)
    )
    assert batch_limit(msgspec.structs.replace(delivery, failed_attempts=history), 100) == most


async def test_deliveries_of_smaller_batches_have_their_own(environment, fifty):
    """Case D29."""
    undecided = Attempt(number=1, at=0.0, seconds=0.0, reason=UNDECIDED)
    suspects = [
        msgspec.structs.replace(each, failed_attempts=(undecided,) * 6) for each in fifty[:2]
    ]
    async with SlowSink() as sink:
        destination = made(sink, environment, seconds=2)
        await destination.open()
        assert await attempt_all(destination, [*suspects, *fifty[2:]]) == [Delivered(202)] * 50
        await destination.close()
    assert sorted(len(request.json()) for request in sink.requests) == [1, 1, 48]


def test_a_job_has_the_time_that_the_halving_of_a_batch_takes():
    config = HttpConfig(url=Secret("https://h/"), timeout=Duration(10))
    assert config.longest_attempt == 10
    batched = HttpConfig(
        url=Secret("https://h/"),
        timeout=Duration(10),
        format=Format.EVENT,
        batch=BatchConfig(max=100),
    )
    assert batched.longest_attempt == 80
