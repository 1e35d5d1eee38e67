"""The contract that every kind of destination passes; its test file builds the receiver."""

import asyncio
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

import msgspec
import pytest
from support.sinks import TcpSink, greets, hang_up, says, silence, trickles

from router.alerts import RESPONSE_LIMIT, Delivered, Delivery, Failed, Outcome, Refused
from router.destinations.contract import Destination, DestinationConfig, Environment
from router.destinations.kinds import build
from router.destinations.rendering.summary import decode
from router.events.masks import Masks
from router.settings.choices import Egress

PLANTED = "s3cr3t-canary-0123456789abcdef"
"""Used as each secret of a configuration. No output may contain it."""


class FarSide(Protocol):
    port: int
    connections: int


async def attempt(destination: Destination, delivery: Delivery) -> Outcome:
    await destination.open()
    try:
        return await destination.attempt(delivery)
    finally:
        await destination.close()


class DestinationContract:
    """The contract of all kinds, including those that do not connect."""

    def accepting(self) -> AbstractAsyncContextManager[FarSide]:
        """Return a receiver that accepts everything."""
        raise NotImplementedError

    def config(self, port: int, timeout: float) -> DestinationConfig:
        """Return a configuration for a receiver at 127.0.0.1, with PLANTED as each secret."""
        raise NotImplementedError

    def arrived(self, far: Any) -> list[bytes]:
        """Return the messages that the receiver got, including their headers."""
        raise NotImplementedError

    sends_events = False
    """Whether a message has the whole event."""

    def make(self, port: int, environment: Environment, timeout: float = 5.0) -> Destination:
        return build("here", self.config(port, timeout), environment)

    async def test_a_delivery_arrives_once_and_bears_its_id(self, environment, delivery):
        async with self.accepting() as far:
            outcome = await attempt(self.make(far.port, environment), delivery)
            arrived = self.arrived(far)
        assert isinstance(outcome, Delivered)
        assert [delivery.id.encode() in each for each in arrived] == [True]

    def test_a_masked_field_is_in_no_fact(self, environment, delivery):
        account = decode(delivery.alert)["data"]["account_sid"]
        masked = msgspec.structs.replace(environment, masks=Masks.parse(["data.account_sid"]))
        preview = self.make(9, masked).preview(delivery)
        assert self.sends_events or account not in preview.body + preview.html

    async def test_a_second_attempt_bears_the_same_id(self, environment, delivery):
        second = msgspec.structs.replace(delivery, attempt=2)
        async with self.accepting() as far:
            destination = self.make(far.port, environment)
            await attempt(destination, delivery)
            await attempt(destination, second)
            arrived = self.arrived(far)
        assert [delivery.id.encode() in each for each in arrived] == [True, True]

    async def test_attempts_may_be_under_way_at_once(self, environment, delivery):
        async with self.accepting() as far:
            destination = self.make(far.port, environment)
            await destination.open()
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(destination.attempt(delivery)) for _ in range(30)]
            await destination.close()
            arrived = self.arrived(far)
        assert {type(task.result()) for task in tasks} == {Delivered}
        assert len(arrived) == 30

    async def test_a_failing_template_is_told_and_loses_nothing(
        self, environment, delivery, template_errors
    ):
        alert = msgspec.structs.replace(delivery.alert, summary="{{ data.nothing_of_that_name }}")
        delivery = msgspec.structs.replace(delivery, alert=alert)
        async with self.accepting() as far:
            outcome = await attempt(self.make(far.port, environment), delivery)
            arrived = self.arrived(far)
        assert isinstance(outcome, Delivered)
        assert len(arrived) == 1
        assert len(template_errors) == 1
        assert "nothing_of_that_name" in template_errors[0]
        assert alert.rule in template_errors[0]

    async def test_an_event_that_cannot_be_read_is_sent_all_the_same(self, environment, delivery):
        alert = msgspec.structs.replace(delivery.alert, event=b'{"id": "\xff', summary="{{ data }}")
        delivery = msgspec.structs.replace(delivery, alert=alert)
        async with self.accepting() as far:
            outcome = await attempt(self.make(far.port, environment), delivery)
            assert len(self.arrived(far)) == 1
        assert isinstance(outcome, Delivered)

    async def test_a_preview_shows_the_id_and_no_secret_and_sends_nothing(
        self, environment, delivery
    ):
        async with self.accepting() as far:
            destination = self.make(far.port, environment)
            preview = destination.preview(delivery)
            assert preview == destination.preview(delivery)
            assert self.arrived(far) == []
        assert delivery.id in repr(preview)
        assert PLANTED not in repr((preview, destination, destination.config))

    async def test_it_may_be_closed_unopened_and_opened_again(self, environment, delivery):
        async with self.accepting() as far:
            destination = self.make(far.port, environment)
            await destination.close()
            outcomes = [await attempt(destination, delivery) for _ in range(2)]
        assert [type(outcome) for outcome in outcomes] == [Delivered, Delivered]


class ConnectingContract(DestinationContract):
    """The contract of the kinds that connect over TCP."""

    greeting = b""
    """The first bytes that a server of the protocol sends unasked."""
    flood_beginning = b""
    """The beginning of a reply that then does not end."""

    @pytest.mark.fault_row(44)
    @pytest.mark.parametrize("behaviour", ["silent", "trickling", "trickling_answer"])
    async def test_the_deadline_is_kept_whatever_the_far_side_does(
        self, behaviour, environment, delivery
    ):
        """Mutant: an attempt has no deadline."""
        conversation = {
            "silent": silence,
            "trickling": trickles(self.greeting[:3]),
            "trickling_answer": trickles(self.flood_beginning),
        }[behaviour]
        async with TcpSink(conversation) as far:
            destination = self.make(far.port, environment, timeout=0.2)
            began = asyncio.get_running_loop().time()
            outcome = await attempt(destination, delivery)
            took = asyncio.get_running_loop().time() - began
        assert isinstance(outcome, Failed)
        assert took < 5.0  # the machine may be busy

    @pytest.mark.fault_row(53)
    async def test_an_answer_of_ten_megabytes_is_not_kept(self, environment, delivery):
        """Mutant: a body is read to its end."""
        flood = says(*[b"x" * 65536] * 160)
        async with TcpSink(greets(self.flood_beginning, flood)) as far:
            outcome = await attempt(self.make(far.port, environment, timeout=2.0), delivery)
        assert isinstance(outcome, Failed)
        assert len(outcome.response) <= RESPONSE_LIMIT

    @pytest.mark.parametrize(
        "answer", [b"", b"\x00\xff\xfe garbage\r\n\r\n", b"\r\n" * 100, b"999", b"-1 \xff\r\n"]
    )
    async def test_garbage_is_a_failure_not_an_exception(self, answer, environment, delivery):
        async with TcpSink(greets(answer, hang_up)) as far:
            outcome = await attempt(self.make(far.port, environment, timeout=1.0), delivery)
        assert isinstance(outcome, Failed)
        assert PLANTED not in repr(outcome)

    async def test_a_closed_port_is_connection_refused(self, environment, delivery):
        async with TcpSink(silence) as far:
            port = far.port
        outcome = await attempt(self.make(port, environment), delivery)
        assert outcome == Failed("connection refused")

    async def test_a_forbidden_address_is_refused_and_never_connected_to(
        self, environment, delivery
    ):
        public = msgspec.structs.replace(environment, egress=Egress.PUBLIC)
        async with TcpSink(silence) as canary:
            outcome = await attempt(self.make(canary.port, public), delivery)
            assert canary.connections == 0
        assert outcome == Refused("address not allowed by ROUTER_EGRESS")

    async def test_cancellation_is_not_swallowed(self, environment, delivery):
        async with TcpSink(silence) as far:
            destination = self.make(far.port, environment)
            await destination.open()
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await destination.attempt(delivery)
            await destination.close()
