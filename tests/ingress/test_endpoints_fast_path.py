"""The fast path of plain requests answers as aiohttp's own path does."""

import re
from collections.abc import AsyncIterator
from email.utils import parsedate_to_datetime

import pytest
from support.raw import answer_to, head, statuses
from support.running import Running, running, settings_for

from router.datatypes import Secret
from router.journal import ledger
from router.journal.connection import Connection
from router.runtime.roles import Roles
from router.sources.twilio_signature import body_hash, sign

TOKEN = Secret("twilio-auth-token-of-the-test")
BASE = "http://test"


@pytest.fixture
async def ingress(redis_url: Secret) -> AsyncIterator[Running]:
    settings = settings_for(redis_url, twilio_auth_tokens=(TOKEN,))
    async with running(settings, Roles(port=0, ingress=True)) as process:
        yield process


def request(body: bytes, *headers: tuple[str, str], path: str = "/twilio") -> bytes:
    """Return a signed request."""
    target = f"{path}?bodySHA256={body_hash(body)}"
    signed = (
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(body))),
        ("X-Twilio-Signature", sign(BASE + target, TOKEN)),
    )
    return head(target, [*signed, *headers]) + body


LAST = ("Connection", "close")


async def test_the_prepared_response_is_complete(ingress: Running, sample: bytes) -> None:
    body = b"[" + sample + b"]"
    answer = await answer_to(ingress.address, request(body), request(body, LAST))

    assert statuses(answer) == [202, 202]
    first = answer[: answer.index(b"HTTP/1.1 202", 1)]
    top, _, rest = first.partition(b"\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in top.decode().split("\r\n")[1:])
    assert headers["Content-Type"] == "application/json"
    assert int(headers["Content-Length"]) == len(rest)
    assert rest == b'{"accepted":1,"quarantined":0}'
    assert parsedate_to_datetime(headers["Date"]).tzinfo is not None


async def test_pipelined_requests_are_answered_in_order(
    ingress: Running, sample: bytes, connection: Connection
) -> None:
    body = b"[" + sample + b"," + sample + b"]"
    together = request(sample) + request(body) + request(b"[]") + request(b"[1]", LAST)
    answer = await answer_to(ingress.address, together)

    assert re.findall(rb'"accepted":\d,"quarantined":\d', answer) == [
        b'"accepted":1,"quarantined":0',
        b'"accepted":2,"quarantined":0',
        b'"accepted":0,"quarantined":0',
        b'"accepted":0,"quarantined":1',
    ]
    assert (await ledger.read(connection)).accepted == 3


async def test_an_http_1_0_client_gets_a_response_and_the_connection_closes(
    ingress: Running, sample: bytes
) -> None:
    old = request(sample).replace(b"HTTP/1.1", b"HTTP/1.0")
    answer = await answer_to(ingress.address, old)
    assert statuses(answer) == [202]
    assert answer.endswith(b'{"accepted":1,"quarantined":0}')


async def test_expect_100_continue_is_answered(ingress: Running, sample: bytes) -> None:
    answer = await answer_to(ingress.address, request(sample, ("Expect", "100-continue"), LAST))
    assert statuses(answer) == [100, 202]


async def test_a_percent_encoded_path_is_the_same_endpoint(ingress: Running, sample: bytes) -> None:
    answer = await answer_to(ingress.address, request(sample, LAST, path="/twili%6F"))
    assert statuses(answer) == [202]


async def test_a_body_in_pieces_is_accepted(ingress: Running, sample: bytes) -> None:
    whole = request(sample, LAST)
    answer = await answer_to(ingress.address, whole[:-100], whole[-100:-1], whole[-1:])
    assert statuses(answer) == [202]


async def test_signed_text_that_is_no_json_is_quarantined(ingress: Running) -> None:
    answer = await answer_to(ingress.address, request(b"{", LAST))
    assert statuses(answer) == [202]
    assert answer.endswith(b'{"accepted":0,"quarantined":1}')
