"""Malformed requests from a seed: bodies and headers that are valid, broken and in between."""

import gzip
import random
import re
from collections.abc import Iterator

import msgspec

from router.datatypes import Secret
from router.sources.twilio_signature import body_hash, sign

TOKEN = Secret("twilio-auth-token-of-the-test")
BEARER = Secret("bearer-token-of-the-test")
HOST = "fuzz.example"

_DEEP = [b"[" * 70 + b"]" * 70, b"[" * 20_000, b'{"a":' * 2000 + b"1" + b"}" * 2000]
_ODD = [
    b"",
    b" ",
    b"null",
    b"[]",
    b"{}",
    b"[[]]",
    b"[null]",
    b"\xef\xbb\xbf{}",
    b"{}{}",
    b"[NaN]",
    b"[1e400]",
    b"9" * 5000,
    b'{"id":"\\ud800"}',
    b'{"id":"\\u0000","source":"/","type":"t","specversion":"1.0"}',
    b'{"id":"\xff","source":"/","type":"t","specversion":"1.0"}',
    b'{"id":"1","id":"2","source":"/","type":"t","specversion":"1.0"}',
    b'{"__proto__":{"id":"1"},"id":"1","source":"/","type":"t","specversion":"1.0"}',
    b'{"id":"1","source":"/","type":"t","specversion":"1.0","data_base64":"=="}',
    b'{"id":"1","source":"/","type":"t","specversion":"1.0","time":"2018-13-45T99:99:99Z"}',
    (
        b'{"id":"1","source":"/","type":"com.twilio.eventstreams.test-event","specversion":"1.0",'
        b'"data":"{","datacontenttype":"application/json"}'
    ),
    b'{"id":"1","source":"/","type":"t","specversion":"1.0","x":' + b"9" * 400 + b"}",
    b"[" + b"1," * 2000 + b"1]",
    *_DEEP,
]
_TYPES = [
    "application/json",
    "application/json; charset=utf-8",
    "application/cloudevents+json",
    "application/cloudevents-batch+json",
    "application/cloudevents+avro",
    "text/plain",
    "text/plain; charset=nonsense",
    "application/octet-stream",
    "multipart/form-data; boundary=x",
    "",
    ";",
    "\xff",
]
_CE = [
    ("ce-specversion", "1.0"),
    ("ce-id", "1"),
    ("ce-source", "/s"),
    ("ce-type", "t"),
    ("ce-id", "%00"),
    ("ce-time", "noon"),
    ("ce-time", "2018-04-05T03:56:24Z"),
    ("ce-subject", "%C0%A0"),
    ("ce-subject", '"a\\"b"'),
    ("ce-datacontenttype", "x"),
    ("ce-", "x"),
    ("CE-Ext", "\xe9"),
    ("ce-ext", "x" * 3000),
]
_OTHERS = [
    ("Content-Encoding", "gzip"),
    ("Content-Encoding", "br"),
    ("Content-Encoding", "identity"),
    ("Expect", "100-continue"),
    ("Expect", "the unexpected"),
    ("X-Forwarded-For", "a, b, [::1, 1.2.3.4:x"),
    ("X-Twilio-Signature", "x"),
    ("X-Twilio-Signature", "\xff"),
    ("X-Twilio-Webhooks-Signature-Settings", "key=x,algorithm=HMAC_SHA256"),
    ("Authorization", "Basic !"),
    ("Authorization", "Bearer wrong"),
    ("Authorization", "\xff"),
    ("Cookie", "=; =;"),
    ("Accept", "*/*;q=x"),
    ("WebHook-Request-Origin", "a.example"),
    ("Range", "bytes=0-"),
    ("If-Modified-Since", "yesterday"),
]
_METHODS = ["GET", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "BREW"]
_PATHS = ["/", "/healthz", "/readyz", "/-/reload", "/api/v1/twilio-tests", "/%", "/events/", "/é"]
_BODY = re.compile(rb"\r\nContent-Length: (\d+)\r\n", re.IGNORECASE)


class Requests:
    """Makes requests from a seed. Each is complete, or its connection ends with it."""

    def __init__(self, seed: int, sample: bytes) -> None:
        self._random = random.Random(seed)  # noqa: S311 - not for secrets
        compact = msgspec.json.encode(msgspec.json.decode(sample))
        plain = b'{"specversion":"1.0","id":"1","source":"/s","type":"t","data":{"a":[1,"x",null]}}'
        self._whole = [compact, plain, b"[" + plain + b"," + compact + b"]"]
        # A pool of JSON values, because making one for each request would take longer than the request.
        self._values = [msgspec.json.encode(self._value(4)) for _ in range(2000)]

    def well_framed(self) -> bytes:
        """Return a request whose length is right, whatever it contains."""
        pick = self._random.random()
        body = self._body()
        headers = self._headers()
        if pick < 0.45:
            headers.append(("Authorization", f"Bearer {BEARER.reveal()}"))
            return self._framed("POST", "/events", headers, body)
        if pick < 0.85:
            path = f"/twilio?{'bodySHA256=' + body_hash(body) if pick < 0.8 else 'a=%'}"
            if pick < 0.75:
                signature = sign(f"http://{HOST}{path}", TOKEN)
                headers.append(("X-Twilio-Signature", signature))
            return self._framed("POST", path, headers, body)
        method = self._random.choice(_METHODS)
        path = self._random.choice(["/events", "/twilio", *_PATHS])
        return self._framed(method, path, headers, body if pick < 0.9 else b"")

    def badly_framed(self) -> bytes:
        """Return a request with an error in its first line, its headers or its length."""
        return broken(self.well_framed(), self._random)

    def _body(self) -> bytes:
        pick = self._random.random()
        if pick < 0.15:
            return self._random.choice(self._whole)
        if pick < 0.55:
            return self._mutated(self._random.choice(self._whole))
        if pick < 0.75:
            return self._random.choice(self._values)
        if pick < 0.8:
            return self._random.choice(_ODD)
        if pick < 0.95:
            return self._random.randbytes(self._random.randrange(200))
        packed = gzip.compress(self._random.choice(self._whole), 1)
        return packed if pick < 0.97 else self._mutated(packed)

    def _mutated(self, body: bytes) -> bytes:
        changed = bytearray(body)
        for _ in range(self._random.randrange(1, 5)):
            at = self._random.randrange(len(changed) + 1)
            how = self._random.randrange(4)
            if how == 0:
                changed[at : at + 1] = self._random.randbytes(1)
            elif how == 1:
                changed[at:at] = self._random.choice(self._values)[:50]
            elif how == 2:
                del changed[at : at + self._random.randrange(1, 30)]
            else:
                changed[at : at + 1] = self._random.choice([b'"', b"\\", b"{", b"]", b",", b"\xc3"])
        return bytes(changed)

    def _headers(self) -> list[tuple[str, str]]:
        headers = [("Content-Type", self._random.choice(_TYPES[:4]))]
        pick = self._random.random()
        if pick < 0.1:
            headers[0] = ("Content-Type", self._random.choice(_TYPES))
        elif pick < 0.25:
            headers += self._random.sample(_CE, self._random.randrange(1, 6))
        elif pick < 0.35:
            headers += self._random.sample(_OTHERS, self._random.randrange(1, 4))
        return headers

    def _framed(self, method: str, path: str, headers: list[tuple[str, str]], body: bytes) -> bytes:
        lines = [f"{method} {path} HTTP/1.1", f"Host: {HOST}", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace") + body

    def _value(self, depth: int) -> object:
        pick = self._random.randrange(8 if depth else 5)
        if pick < 5:
            return self._random.choice(
                [None, True, 0, -1, 2**63, 1.5, "", "1.0", "t", "/s", "é🦉", "2018-04-05T03:56:24Z"]
            )
        if pick == 5:
            return [self._value(depth - 1) for _ in range(self._random.randrange(4))]
        names = ["id", "source", "type", "specversion", "data", "time", "data_base64", "x", "X"]
        return {name: self._value(depth - 1) for name in names if self._random.random() < 0.5}


def broken(request: bytes, chance: random.Random) -> bytes:
    """Return a request with an error in its first line, its headers or its length."""
    changed = bytearray(request)
    end = changed.index(b"\r\n\r\n")
    pieces = [b"\r\n", b"\n", b"\0", b"\x0b", b"\r\nTransfer-Encoding: chunked", b"x" * 9000, b":"]
    for _ in range(chance.randrange(1, 4)):
        at = chance.randrange(end)
        how = chance.randrange(4)
        if how == 0:
            changed[at] = chance.randrange(256)
        elif how == 1:
            changed[at:at] = chance.choice(pieces)
        elif how == 2:
            del changed[at : at + chance.randrange(1, 8)]
        else:
            changed[at:at] = changed[: chance.randrange(1, 60)]
    return bytes(changed)


def responses(received: bytes) -> Iterator[tuple[int, int]]:
    """Yield the status of each complete response in ``received``, and the offset after it."""
    at = 0
    while (end := received.find(b"\r\n\r\n", at)) >= 0:
        length = _BODY.search(received, at, end + 2)
        at_end = end + 4 + (int(length[1]) if length else 0)
        if at_end > len(received):
            return
        yield int(received[at + 9 : at + 12]), at_end
        at = at_end
