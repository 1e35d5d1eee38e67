import msgspec
import pytest
from contracts.destination import PLANTED, ConnectingContract, attempt
from standardwebhooks import Webhook
from support.golden import golden
from support.sinks import HttpSink, Reply, TcpSink, says, silence

from router.alerts import Delivered, Failed, Refused
from router.datatypes import Duration, Secret
from router.destinations.http import HttpDestination
from router.destinations.http_config import HttpConfig

SECRET = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"


def config(port: int, **more: object) -> HttpConfig:
    return HttpConfig(url=Secret(f"http://127.0.0.1:{port}/hook"), **more)


class TestContract(ConnectingContract):
    sends_events = True

    flood_beginning = b"HTTP/1.1 500 Oh\r\nContent-Length: 10485760\r\n\r\n"
    greeting = b"HTTP"

    def accepting(self):
        return HttpSink()

    def config(self, port: int, timeout: float) -> HttpConfig:
        return HttpConfig(
            url=Secret(f"http://127.0.0.1:{port}/{PLANTED}?token={PLANTED}"),
            headers={"Authorization": Secret(f"Bearer {PLANTED}"), "X-Key": Secret(PLANTED)},
            signing_secret=Secret(PLANTED),
            timeout=Duration(timeout),
        )

    def arrived(self, far: HttpSink) -> list[bytes]:
        return [repr(request.headers).encode() + request.body for request in far.requests]


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        *((status, Delivered) for status in (200, 201, 202, 204, 299)),
        *((status, Refused) for status in (300, 301, 302, 303, 304, 307, 308)),
        *((status, Refused) for status in (400, 401, 403, 404, 405, 410, 413, 415, 422, 451)),
        *((status, Failed) for status in (408, 425, 429)),
        *((status, Failed) for status in (500, 501, 502, 503, 504, 507, 520, 599)),
    ],
)
async def test_the_status_decides(status, expected, environment, delivery):
    async with HttpSink(Reply(status, b"")) as sink:
        outcome = await attempt(HttpDestination("x", config(sink.port), environment), delivery)
    assert type(outcome) is expected
    assert outcome.status == status


@pytest.mark.parametrize("status", [429, 503, 500])
async def test_the_receivers_wish_to_wait_is_passed_on(status, environment, delivery):
    async with HttpSink(Reply(status, b"busy", {"Retry-After": "7"})) as sink:
        outcome = await attempt(HttpDestination("x", config(sink.port), environment), delivery)
    assert isinstance(outcome, Failed)
    assert (outcome.retry_after_seconds, outcome.response) == (7.0, "busy")


async def test_the_event_goes_out_byte_for_byte_in_a_json_body(environment, delivery, alert):
    odd = b'{ "id":"1",\t"type": "t", "n": 1.10, "u": "\\u00e9\xc3\xa9" }'
    delivery = msgspec.structs.replace(delivery, alert=msgspec.structs.replace(alert, event=odd))
    async with HttpSink() as sink:
        await attempt(HttpDestination("x", config(sink.port), environment), delivery)
    (request,) = sink.requests
    assert odd in request.body
    assert request.json()["event"] == msgspec.json.decode(odd)
    assert request.json()["alert"]["id"] == alert.id


async def test_what_is_sent_reads_like_this(environment, delivery):
    async with HttpSink() as sink:
        await attempt(HttpDestination("x", config(sink.port), environment), delivery)
    seen = msgspec.json.format(sink.requests[0].body, indent=2).decode() + "\n"
    assert seen == golden("http.json", seen)
    assert sink.requests[0].headers["content-type"] == "application/json"
    assert sink.requests[0].headers["user-agent"].startswith("event-router/")


async def test_a_body_over_a_megabyte_is_sent_too(environment, delivery, alert):
    large = b'{"data": "%b"}' % (b"x" * 2_000_000)
    delivery = msgspec.structs.replace(delivery, alert=msgspec.structs.replace(alert, event=large))
    async with HttpSink() as sink:
        outcome = await attempt(HttpDestination("x", config(sink.port), environment), delivery)
    assert outcome == Delivered(200)
    assert large in sink.requests[0].body


async def test_put_and_headers_of_the_operator(environment, delivery):
    headers = {"Authorization": Secret("Bearer t0ken"), "X-Team": Secret("voice")}
    async with HttpSink() as sink:
        settings = config(sink.port, method="PUT", headers=headers)
        await attempt(HttpDestination("x", settings, environment), delivery)
    (request,) = sink.requests
    assert request.method == "PUT"
    assert (request.headers["authorization"], request.headers["x-team"]) == (
        "Bearer t0ken",
        "voice",
    )


async def test_standardwebhooks_accepts_the_signature(environment, delivery, wall_clock):
    environment = msgspec.structs.replace(environment, now=wall_clock)
    async with HttpSink() as sink:
        settings = config(sink.port, signing_secret=Secret(SECRET))
        await attempt(HttpDestination("x", settings, environment), delivery)
    (request,) = sink.requests
    verified = Webhook(SECRET).verify(request.body, request.headers)
    assert verified["alert"]["rule"] == "conference-summary-timeout"
    assert request.headers["webhook-id"] == delivery.id


async def test_standardwebhooks_refuses_a_changed_body(environment, delivery, wall_clock):
    environment = msgspec.structs.replace(environment, now=wall_clock)
    async with HttpSink() as sink:
        settings = config(sink.port, signing_secret=Secret(SECRET))
        await attempt(HttpDestination("x", settings, environment), delivery)
    (request,) = sink.requests
    with pytest.raises(Exception, match="No matching signature"):
        Webhook(SECRET).verify(request.body.replace(b"warning", b"Warning"), request.headers)


@pytest.mark.fault_row(51)
@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_is_not_followed(status, environment, delivery):
    """Mutant: redirects are followed."""
    async with HttpSink() as canary:
        there = Reply(status, b"", {"Location": canary.url})
        async with HttpSink(otherwise=there) as sink:
            outcome = await attempt(HttpDestination("x", config(sink.port), environment), delivery)
        assert canary.connections == 0
    assert isinstance(outcome, Refused)
    assert "configure the final URL" in outcome.reason


@pytest.mark.fault_row(72)
async def test_a_receiver_that_sends_back_what_it_got_tells_no_secret(environment, delivery):
    echo = (
        f"no route for /{PLANTED}?token={PLANTED}; got authorization: Bearer {PLANTED},"
        f" {PLANTED}, x{PLANTED}x" + "." * 900 + PLANTED
    )
    async with HttpSink(Reply(404, echo.encode())) as sink:
        destination = HttpDestination("x", TestContract().config(sink.port, 5), environment)
        outcome = await attempt(destination, delivery)
    assert isinstance(outcome, Refused)
    assert outcome.response.startswith("no route for ***?***; got authorization: ***, ***, x***x")
    assert PLANTED[:8] not in outcome.response


@pytest.mark.fault_row(50)
async def test_a_2xx_that_breaks_off_is_tried_again(environment, delivery):
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"
    async with TcpSink(says(answer)) as sink:
        outcome = await attempt(HttpDestination("x", config(sink.port), environment), delivery)
    assert isinstance(outcome, Failed)
    assert outcome.status == 200


async def test_a_4xx_that_breaks_off_says_enough(environment, delivery):
    answer = b"HTTP/1.1 404 Not Found\r\nContent-Length: 100\r\n\r\nhalf"
    async with TcpSink(says(answer)) as sink:
        outcome = await attempt(HttpDestination("x", config(sink.port), environment), delivery)
    assert outcome == Refused("HTTP 404 Not Found", 404, "half")


@pytest.mark.fault_row(53)
async def test_a_2xx_is_delivered_however_long_its_body(environment, delivery):
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n" + b"x" * 200_000
    async with TcpSink(says(answer, then=silence)) as sink:
        outcome = await attempt(HttpDestination("x", config(sink.port), environment), delivery)
    assert outcome == Delivered(200)


@pytest.mark.fault_row(53)
async def test_a_packed_answer_is_not_unpacked(environment, delivery):
    """Mutant: an answer is unpacked."""
    packed = Reply(500, b"\x1f\x8b not even gzip", {"Content-Encoding": "gzip"})
    async with HttpSink(packed) as sink:
        outcome = await attempt(HttpDestination("x", config(sink.port), environment), delivery)
    assert isinstance(outcome, Failed)
    assert outcome.response == "(16 bytes, encoded although this was not asked for)"


async def test_a_connection_is_used_again(environment, delivery):
    async with HttpSink() as sink:
        destination = HttpDestination("x", config(sink.port), environment)
        await destination.open()
        outcomes = [await destination.attempt(delivery) for _ in range(5)]
        await destination.close()
        assert sink.connections == 1
    assert outcomes == [Delivered(200)] * 5
