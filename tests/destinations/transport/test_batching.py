"""Attempts that are made at the same time are sent together."""

import asyncio

import msgspec
import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_http
from cloudevents.core.formats.json import JSONFormat
from contracts.destination import PLANTED, ConnectingContract
from support.sinks import HttpSink, Reply

from router.alerts import Delivered, DeliveryId, Failed, Refused
from router.datatypes import Duration, Secret
from router.destinations.http import HttpDestination
from router.destinations.http_config import BatchConfig, HttpConfig
from router.destinations.rendering.json_body import Format
from router.destinations.transport.batching import Batcher
from router.destinations.transport.credentials import BasicConfig


def config(port: int, **more: object) -> HttpConfig:
    return HttpConfig(url=Secret(f"http://127.0.0.1:{port}/hook"), **more)


class TestBatchContract(ConnectingContract):
    sends_events = True

    flood_beginning = b"HTTP/1.1 500 Oh\r\nContent-Length: 10485760\r\n\r\n"
    greeting = b"HTTP"

    def accepting(self):
        return HttpSink()

    def config(self, port: int, timeout: float) -> HttpConfig:
        return HttpConfig(
            url=Secret(f"http://127.0.0.1:{port}/{PLANTED}"),
            basic=BasicConfig(user="router", password=Secret(PLANTED)),
            format=Format.CLOUDEVENTS,
            batch=BatchConfig(max=7, wait=Duration(0.01)),
            timeout=Duration(timeout),
        )

    def arrived(self, far: HttpSink) -> list[bytes]:
        # Not decoded: one of the contract's events cannot be read.
        beginning = b'{"specversion":"1.0","id":"'
        return [each for request in far.requests for each in request.body.split(beginning)[1:]]


@pytest.fixture
def deliveries(delivery):
    return [
        msgspec.structs.replace(delivery, id=DeliveryId(f"msg_{number:02}")) for number in range(10)
    ]


async def attempt_all(destination, deliveries):
    await destination.open()
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(destination.attempt(each)) for each in deliveries]
    await destination.close()
    return [task.result() for task in tasks]


@pytest.mark.parametrize("form", [Format.CLOUDEVENTS, Format.EVENT])
async def test_attempts_at_once_leave_in_one_request(form, environment, deliveries):
    async with HttpSink() as sink:
        made = config(sink.port, format=form, batch=BatchConfig(), signing_secret=Secret("x"))
        outcomes = await attempt_all(HttpDestination("x", made, environment), deliveries)
    (request,) = sink.requests
    assert outcomes == [Delivered(200)] * 10
    assert request.headers["content-type"] == "application/cloudevents-batch+json"
    assert request.headers["webhook-id"].startswith("batch_")
    # The SDK has no batches: each element is a structured event.
    structured = {"content-type": "application/cloudevents+json"}
    read = [
        from_http(HTTPMessage(structured, msgspec.json.encode(each)), JSONFormat())
        for each in request.json()
    ]
    assert len(read) == 10
    if form is Format.CLOUDEVENTS:
        assert [each.get_id() for each in read] == [each.id for each in deliveries]


async def test_a_full_batch_does_not_wait(environment, deliveries):
    async with HttpSink() as sink:
        made = config(sink.port, format=Format.EVENT, batch=BatchConfig(max=5, wait=Duration(1.0)))
        loop = asyncio.get_running_loop()
        began = loop.time()
        await attempt_all(HttpDestination("x", made, environment), deliveries)
        assert loop.time() - began < 0.9
    assert [len(request.json()) for request in sink.requests] == [5, 5]


class _OneIsBad(HttpSink):
    """Answers 422 to each batch that contains a certain id."""

    def __init__(self, bad: str) -> None:
        super().__init__()
        self._bad = bad.encode()

    def reply_to(self, request):
        return Reply(422 if self._bad in request.body else 202)


async def test_a_refused_delivery_does_not_fail_its_batch(environment, deliveries):
    async with _OneIsBad("msg_03") as sink:
        made = config(sink.port, format=Format.CLOUDEVENTS, batch=BatchConfig())
        outcomes = await attempt_all(HttpDestination("x", made, environment), deliveries)
    assert [type(outcome) for outcome in outcomes] == [
        Refused if number == 3 else Delivered for number in range(10)
    ]
    assert len(sink.requests) < 10


@pytest.mark.parametrize("status", [401, 404, 503])
async def test_a_refusal_of_the_whole_batch_applies_to_each_delivery(
    status, environment, deliveries
):
    async with HttpSink(otherwise=Reply(status)) as sink:
        made = config(sink.port, format=Format.CLOUDEVENTS, batch=BatchConfig())
        outcomes = await attempt_all(HttpDestination("x", made, environment), deliveries)
    assert {outcome.status for outcome in outcomes} == {status}
    assert len(sink.requests) == 1


async def test_a_cancelled_attempt_leaves_the_others_their_outcome(environment, deliveries):
    async with HttpSink() as sink:
        made = config(sink.port, format=Format.EVENT, batch=BatchConfig(wait=Duration(0.05)))
        destination = HttpDestination("x", made, environment)
        await destination.open()
        async with asyncio.TaskGroup() as group:
            leader, follower, other = (
                group.create_task(destination.attempt(each)) for each in deliveries[:3]
            )
            await asyncio.sleep(0)
            follower.cancel()
        assert (leader.result(), other.result()) == (Delivered(200), Delivered(200))
        async with asyncio.TaskGroup() as group:
            leader, other = (
                group.create_task(destination.attempt(each)) for each in deliveries[:2]
            )
            await asyncio.sleep(0)
            leader.cancel()
        assert isinstance(other.result(), Failed)
        assert await destination.attempt(deliveries[0]) == Delivered(200)
        await destination.close()


class Sends:
    """Records batches and gives each delivery its own outcome."""

    def __init__(self, *, fails: bool = False) -> None:
        self.batches = []
        self._fails = fails

    async def __call__(self, deliveries):
        self.batches.append([each.id for each in deliveries])
        await asyncio.sleep(0)
        if self._fails:
            raise RuntimeError("a bug")
        return [Refused(each.id) for each in deliveries]


@pytest.mark.parametrize(
    ("limit", "sizes"), [(2, [2] * 5), (3, [3, 3, 3, 1]), (10, [10]), (100, [10])]
)
async def test_each_delivery_gets_its_own_outcome_in_batches_up_to_the_limit(
    limit, sizes, deliveries
):
    send = Sends()
    batcher = Batcher(send, limit=limit, wait=0.01)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(batcher.attempt(each)) for each in deliveries]
    assert [task.result() for task in tasks] == [Refused(each.id) for each in deliveries]
    assert sorted(map(len, send.batches), reverse=True) == sizes


async def test_an_attempt_that_comes_while_a_batch_is_sent_begins_the_next(deliveries):
    send = Sends()
    batcher = Batcher(send, limit=2, wait=0.0)
    outcomes = [await batcher.attempt(each) for each in deliveries[:3]]
    assert outcomes == [Refused(each.id) for each in deliveries[:3]]
    assert send.batches == [[each.id] for each in deliveries[:3]]


async def test_if_sending_raises_the_others_fail_and_the_next_batch_is_sent(deliveries):
    send = Sends(fails=True)
    batcher = Batcher(send, limit=2, wait=1.0)
    loop = asyncio.get_running_loop()
    leader, follower = (loop.create_task(batcher.attempt(each)) for each in deliveries[:2])
    assert await follower == Failed("interrupted before its outcome was known")
    with pytest.raises(RuntimeError, match="a bug"):
        await leader
    with pytest.raises(RuntimeError, match="a bug"):
        await Batcher(send, limit=2, wait=0.0).attempt(deliveries[2])
