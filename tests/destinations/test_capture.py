from contextlib import asynccontextmanager

import msgspec
import pytest
from contracts.destination import DestinationContract, attempt
from support.sinks import HttpSink

from router.alerts import Delivered, Failed
from router.datatypes import Secret, decode_value
from router.destinations.capture import CaptureConfig, CaptureDestination, capture_instead_of
from router.destinations.http import HttpDestination
from router.destinations.http_config import HttpConfig
from router.destinations.kinds import KINDS


class Nowhere:
    """The receiver of a capture: it has the captured previews."""

    port = 0
    connections = 0
    captured: list[bytes]

    def __init__(self) -> None:
        self.captured = []


class TestContract(DestinationContract):
    @asynccontextmanager
    async def accepting(self):
        yield Nowhere()

    def make(self, _port, environment, **_timeout):
        self.made = CaptureDestination("here", CaptureConfig(), environment)
        return self.made

    def arrived(self, _far: Nowhere) -> list[bytes]:
        return [repr(shown).encode() for _, shown in self.made.captured]


async def test_it_shows_what_the_other_kind_would_have_sent(environment, delivery):
    async with HttpSink() as sink:
        real = HttpDestination("tickets", HttpConfig(url=Secret(sink.url)), environment)
        capture = capture_instead_of(real, environment)
        assert await attempt(capture, delivery) == Delivered()
        assert sink.connections == 0
    assert list(capture.captured) == [(delivery, real.preview(delivery))]
    assert (capture.name, capture.config.concurrency) == ("tickets", real.config.concurrency)


async def test_who_wants_to_know_is_told(environment, delivery):
    told = []
    capture = CaptureDestination(
        "x", CaptureConfig(), environment, on_capture=lambda *what: told.append(what)
    )
    await attempt(capture, delivery)
    assert told == list(capture.captured)


async def test_it_keeps_the_last_ones_only(environment, delivery):
    capture = CaptureDestination("x", CaptureConfig(keep=3), environment)
    for number in range(10):
        await capture.attempt(msgspec.structs.replace(delivery, attempt=number))
    assert [kept.attempt for kept, _ in capture.captured] == [7, 8, 9]


async def test_a_file_has_a_line_for_each(environment, delivery, tmp_path):
    file = tmp_path / "captured.jsonl"
    capture = CaptureDestination("x", CaptureConfig(file=str(file)), environment)
    await attempt(capture, delivery)
    await attempt(capture, delivery)
    lines = [msgspec.json.decode(line) for line in file.read_bytes().splitlines()]
    assert [line["delivery"] for line in lines] == [delivery.id] * 2
    assert delivery.id in lines[0]["body"]


async def test_a_file_that_cannot_be_written_is_a_failure(environment, delivery, tmp_path):
    capture = CaptureDestination("x", CaptureConfig(file=str(tmp_path)), environment)
    assert await attempt(capture, delivery) == Failed(
        "cannot write the capture file: Is a directory"
    )
    assert not capture.captured


def test_keeping_nothing_is_a_wrong_configuration():
    with pytest.raises(msgspec.ValidationError, match="keep must be at least 1"):
        msgspec.convert({"keep": 0}, KINDS["capture"].config, dec_hook=decode_value)
