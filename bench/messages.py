"""The requests that everybody is sent: Twilio's sample event under ids of its own, signed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from bench.peers import alertmanager
from router.datatypes import Secret
from router.sources.twilio_signature import body_hash, sign

TOKEN: Final = Secret("auth-token-of-the-benchmark")
SAMPLE: Final = Path(__file__).parent.parent / "tests" / "data" / "conference-summary-complete.json"


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """Which requests."""

    count: int
    """Different requests that are prepared."""
    events: int = 1
    """In each."""
    path: str = "/twilio"
    """``/api/v2/alerts`` makes them alerts for Alertmanager."""
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
    for body in bodies(shape):
        target = f"{shape.path}?bodySHA256={body_hash(body)}"
        signature = sign(f"http://127.0.0.1:{port}{target}", TOKEN)
        head = (
            f"POST {target} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
            f"Content-Type: application/json\r\nX-Twilio-Signature: {signature}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        yield head.encode() + body
