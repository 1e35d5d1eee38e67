"""The requests that everybody is sent: Twilio's sample event under ids of its own, signed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from bench.peers import alertmanager
from router.datatypes import Secret
from router.sources.twilio_signature import body_hash, sign

TOKEN: Final = Secret("auth-token-of-the-benchmark")
EVENTS: Final = "/events"
SOURCE: Final = "/in/crm"
_KIND: Final = "summary"
_AT: Final = "2023-10-01T16:00:00Z"
_ACCOUNT: Final = "AB00000000000000000000000001"
SAMPLE: Final = Path(__file__).parent.parent / "tests" / "data" / "conference-summary-complete.json"


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """Which requests."""

    count: int
    """Different requests that are prepared."""
    events: int = 1
    """In each."""
    path: str = "/twilio"
    """``/api/v2/alerts`` makes them alerts for Alertmanager, ``EVENTS`` CloudEvents with a token, and
    ``SOURCE`` the JSON of a sender that knows no CloudEvents."""
    id_prefix: str = "bench"
    status: str = "completed"
    """``data.status`` of the events; the rules of the benchmark alert on ``summary_timeout``."""


def sample() -> dict[str, Any]:
    decoded: dict[str, Any] = msgspec.json.decode(SAMPLE.read_bytes())
    return decoded


def events(shape: Shape) -> Iterator[bytes]:
    """The events in JSON, in the order in which they are sent."""
    document = sample()
    document["data"]["status"] = shape.status
    document["id"] = "@"
    before, after = msgspec.json.encode(document).split(b'"@"')
    for number in range(shape.count * shape.events):
        yield b'%b"%b-%d"%b' % (before, shape.id_prefix.encode(), number, after)


def bodies(shape: Shape) -> Iterator[bytes]:
    """An array of events each; Twilio sends arrays even of one."""
    made = events(shape)
    for _ in range(shape.count):
        yield b"[" + b",".join(next(made) for _ in range(shape.events)) + b"]"


def requests(shape: Shape, port: int) -> Iterator[bytes]:
    """Whole HTTP requests to a port of this machine."""
    if shape.path == alertmanager.PATH:
        for number in range(shape.count):
            yield alertmanager.request(number, port, shape.id_prefix)
        return
    if shape.path in {EVENTS, SOURCE}:
        yield from _requests_with_token(shape, port)
        return
    for body in bodies(shape):
        target = f"{shape.path}?bodySHA256={body_hash(body)}"
        signature = sign(f"http://127.0.0.1:{port}{target}", TOKEN)
        head = (
            f"POST {target} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
            f"Content-Type: application/json\r\nX-Twilio-Signature: {signature}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        yield head.encode() + body


def _requests_with_token(shape: Shape, port: int) -> Iterator[bytes]:
    is_source = shape.path == SOURCE
    content_type = "application/json" if is_source else "application/cloudevents-batch+json"
    for made in _details(shape):
        body = _of_sender(made) if is_source else _cloudevents(made)
        head = (
            f"POST {shape.path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
            f"Content-Type: {content_type}\r\nAuthorization: Bearer {TOKEN.reveal()}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        yield head.encode() + body


def _details(shape: Shape) -> Iterator[list[tuple[str, Any]]]:
    """The ids and the data of the events of each request."""
    for body in bodies(shape):
        yield [(event["id"], event["data"]) for event in msgspec.json.decode(body)]


def _of_sender(made: list[tuple[str, Any]]) -> bytes:
    """As a sender that knows no CloudEvents writes it."""
    items = [
        {"kind": _KIND, "id": id_, "at": _AT, "account": _ACCOUNT, "details": details}
        for id_, details in made
    ]
    return msgspec.json.encode({"items": items})


def _cloudevents(made: list[tuple[str, Any]]) -> bytes:
    """The events that the source makes of it."""
    return msgspec.json.encode(
        [
            {
                "specversion": "1.0",
                "type": f"com.crm.{_KIND}",
                "source": "crm",
                "id": id_,
                "subject": _ACCOUNT,
                "time": _AT,
                "datacontenttype": "application/json",
                "data": details,
            }
            for id_, details in made
        ]
    )
