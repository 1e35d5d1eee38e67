"""Replies are read on an aiohttp that lacks the names that it does not document."""

import logging
from collections.abc import Iterator

import aiohttp
import pytest
from contracts.destination import attempt
from support.sinks import HttpSink, TcpSink, hang_up, says

from router.alerts import Delivered, Failed
from router.datatypes import Secret
from router.destinations.http import HttpDestination
from router.destinations.http_config import HttpConfig
from router.destinations.transport import aiohttp_client_adapter
from router.destinations.transport.aiohttp_client_adapter import missing_names, warn_once


@pytest.fixture
def another_aiohttp(monkeypatch) -> Iterator[None]:
    """An aiohttp whose protocol is not the class that the adapter knows."""
    monkeypatch.setattr(aiohttp_client_adapter, "_ResponseHandler", object)
    warn_once.cache_clear()
    yield
    warn_once.cache_clear()


async def test_the_installed_aiohttp_has_every_name():
    async with aiohttp.TCPConnector() as connector:
        assert missing_names(connector) == ()


@pytest.mark.usefixtures("another_aiohttp")
async def test_without_a_name_replies_are_read_strictly_after_one_warning(
    environment, delivery, caplog
):
    caplog.set_level(logging.WARNING)
    odd = b"HTTP/1.1 200 OK\r\nX Y: z\r\nContent-Length: 0\r\n\r\n"
    outcomes = []
    async with HttpSink() as plain, TcpSink(says(odd, then=hang_up)) as strange:
        for sink in (plain, strange):
            made = HttpConfig(url=Secret(sink.url))
            outcomes.append(await attempt(HttpDestination("x", made, environment), delivery))
    assert outcomes == [Delivered(200), Failed("malformed answer")]
    (warning,) = caplog.records
    assert "set_response_params" in warning.missing
