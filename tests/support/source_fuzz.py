"""Requests of the senders of sources from a seed: right, malformed, and in between.

Most are signed after they were changed, so that they reach the mapping. Bodies are changed where they
have structure: a JSON value, a field of a form, a part of a multipart form.
"""

import copy
import gzip
import json
import random
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import quote_plus, urlencode

import msgspec

from support.fuzz import Requests, broken
from support.source_signing import SIGNERS, Draft

JSON: Final = "application/json"
FORM: Final = "application/x-www-form-urlencoded"
_POOL: Final = 400
"""Bodies of a source, because making one costs more than sending it."""
_EDITS: Final = 4
_ODD_VALUES: Final[Sequence[Any]] = (
    *(None, True, False, 0, -1, 1, 2**31, 2**53, 2**63, -(2**63), 2**64, 1e308, 1.5, -0.0),
    *("", " ", "0", "1e999", "null", "true", "\x00", "\ud83d", "\ufeff", "é🦉", "a" * 3000),
    *("2018-04-05T03:56:24Z", "0000-00-00T00:00:00Z", "Tue, 31 Feb 2026 18:00:00 +9999"),
    *("1764000000", "99999999999999999999", "NaN", "{{ 7 * 7 }}", "../..", "http://127.0.0.1/"),
    *("https://127.0.0.1:99999/", "https://[::1", "https://127.0.0.1:1@x/", "https://127.0.0.1\n/"),
    *("https://127.0.0.1:\\1/", "https://127.0.0.1:x/", "https://127.0.0.1:1/\x00 \u2100"),
    *([], [[]], {}, [None], {"": ""}, {"__proto__": {}}, ["x"] * 2000),
)
_ODD_TEXTS: Final = (
    *(b"", b" ", b"null", b"[]", b"{}", b"[[]]", b"\xef\xbb\xbf{}", b"{}{}", b"[NaN]", b"[1e400]"),
    *(b"9" * 5000, b'{"a":"\\ud800"}', b'{"a":"\xff"}', b'{"a":1,"a":2}', b"[" * 20_000, b"\x00"),
    *(
        b"[" * 65 + b"]" * 65,
        b"[" + b"1," * 5000 + b"1]",
        b"a=b&" * 1100,
        b"%",
        b"=&=&",
        b"&" * 5000,
    ),
    *(b"a=%ff&b=%00", b"--x\r\n\r\n--x--", b"<html>", b"\x1f\x8b\x08\x00"),
)
_CONTENT_TYPES: Final = (
    *(JSON, f"{JSON}; charset=utf-8", f"{JSON}; charset=iso-8859-1", f"{JSON}; charset=utf-16"),
    *(
        FORM,
        f"{FORM}; charset=utf-8",
        f"{FORM}; charset=x-none",
        "text/plain",
        "text/plain; charset=\xff",
    ),
    *("multipart/form-data; boundary=x", "multipart/form-data", 'multipart/form-data; boundary=""'),
    *(
        "multipart/form-data; boundary=" + "x" * 200,
        "application/octet-stream",
        "",
        ";",
        "\xff/\xff",
    ),
    *("application/vnd.x+json", "application/cloudevents+json", "application/xml"),
)
_EXTRA_HEADERS: Final = (
    *(("Content-Encoding", "gzip"), ("Content-Encoding", "br"), ("Content-Encoding", "\xff")),
    *(("Expect", "100-continue"), ("Expect", "x"), ("X-Forwarded-For", "[::1, \xff")),
    *(
        ("Authorization", "Bearer wrong"),
        ("Authorization", "Basic \xff"),
        ("Authorization", "\xff"),
    ),
    *(
        ("X-Hub-Signature-256", "sha256="),
        ("Stripe-Signature", "t=1,v1=\xff"),
        ("Stripe-Signature", ","),
    ),
    *(("X-Slack-Signature", "v0=" + "0" * 9000), ("webhook-signature", "v1," * 500)),
    *(("X-Twilio-Signature", "\xff"), ("X-Signature", "sha256=00"), ("X-Timestamp", "9" * 400)),
    *(("Cookie", "=; =;"), ("X-Event", "\xff\xfe"), ("X-Event", "x" * 5000), ("X-API-Key", "\x01")),
    *(("x-amz-sns-message-type", "SubscriptionConfirmation"), ("aeg-event-type", "\xff")),
)
_QUERIES: Final = (
    *("", "a=b", "a=b&a=c", "a", "=", "&&&", "%", "%ff=%00", "a=" + "x" * 3000, "a[]=1&a[]=2"),
    *("&".join(f"p{n}=" for n in range(400)), "bodySHA256=00", "token=wrong", "é"),
)
_METHODS: Final = ("GET", "PUT", "DELETE", "OPTIONS", "PATCH", "BREW")


class FuzzedSource(msgspec.Struct, frozen=True, kw_only=True):
    """A source and what its sender sends."""

    path: str
    verifiers: tuple[str, ...] = ()
    """The names of the verifiers whose proof a request needs."""
    samples: tuple[Draft, ...]
    """Right requests, without that proof."""
    needs_network: bool = False
    """Whether a right request makes the router call another host, which does not answer here."""


class SourceRequests:
    """Makes requests to sources, and some to the other endpoints, from a seed.

    Args:
        seed: The requests follow from it.
        sources: The sources.
        sample: Twilio's example of an event.
        now: The time of the first signatures, in Unix seconds.
    """

    def __init__(
        self, seed: int, sources: Sequence[FuzzedSource], sample: bytes, *, now: float
    ) -> None:
        self._chance = random.Random(seed)  # noqa: S311 - not for secrets
        self._sources = sources
        self._others = Requests(seed, sample)
        self.now = now
        """The time of signatures, in Unix seconds."""
        self._bodies: dict[str, list[tuple[str, bytes]]] = {}

    def well_framed(self) -> bytes:
        """Return a request whose length is right, whatever it contains."""
        pick = self._chance.random()
        if pick < 0.15:
            return self._others.well_framed()
        source = self._chance.choice(self._sources)
        draft = copy.deepcopy(self._chance.choice(source.samples))
        if pick < 0.25:
            return self.signed(source, draft).framed()
        self._change(source, draft)
        if pick < 0.85:
            self._sign(source, draft)
        if pick > 0.75:
            self._spoil(draft)
        return draft.framed()

    def badly_framed(self) -> bytes:
        """Return a request with an error in its first line, its headers or its length."""
        return broken(self.well_framed(), self._chance)

    def signed(self, source: FuzzedSource, draft: Draft) -> Draft:
        """Return a copy of a draft with the proof of its sender."""
        draft = copy.deepcopy(draft)
        self._sign(source, draft)
        return draft

    def _sign(self, source: FuzzedSource, draft: Draft) -> None:
        for name in source.verifiers:
            SIGNERS[name](draft, float(int(self.now)))

    def _change(self, source: FuzzedSource, draft: Draft) -> None:
        """Change body, content type, query and headers of a request before it is signed."""
        stated = content_type(draft)
        pool = self._bodies.setdefault(f"{source.path} {stated}", [])
        if len(pool) < _POOL:
            pool.append(self._changed_body(stated, draft.body))
        stated, draft.body = self._chance.choice(pool)
        pick = self._chance.random()
        if pick < 0.1:
            stated = self._chance.choice(_CONTENT_TYPES)
        elif pick < 0.15:
            draft.query = self._chance.choice(_QUERIES)
        elif pick < 0.2 and draft.headers:
            del draft.headers[self._chance.randrange(len(draft.headers))]
        elif pick < 0.25:
            draft.body = gzip.compress(draft.body, 1)
            draft.headers.append(("Content-Encoding", "gzip"))
        draft.headers = [each for each in draft.headers if each[0].lower() != "content-type"]
        draft.headers.append(("Content-Type", stated))

    def _spoil(self, draft: Draft) -> None:
        """Add what makes the proof wrong, or what no sender sends."""
        match self._chance.randrange(5):
            case 0:
                draft.headers.append(self._chance.choice(_EXTRA_HEADERS))
            case 1:
                draft.body += b" "
            case 2:
                draft.path = self._chance.choice(
                    (f"{draft.path}/", draft.path.upper(), "/in/", "/in/%00", "/in/x" * 50)
                )
            case 3:
                draft.method = self._chance.choice(_METHODS)
            case _:
                name, value = self._chance.choice(draft.headers or [("X-Event", "a")])
                changed = value[: self._chance.randrange(len(value) + 1)]
                draft.headers.append((name, changed + self._chance.choice(("", "\xff", "0", ","))))

    def _changed_body(self, stated: str, body: bytes) -> tuple[str, bytes]:
        pick = self._chance.random()
        if pick < 0.15:
            return stated, self._chance.choice(_ODD_TEXTS)
        if pick < 0.3:
            return stated, self._flipped(body)
        if stated.startswith(FORM):
            return self._changed_form(body)
        try:
            value = msgspec.json.decode(body)
        except msgspec.DecodeError:
            return stated, self._flipped(body)
        for _ in range(self._chance.randrange(1, _EDITS)):
            value = self._changed_value(value)
        return stated, self._json(value)

    def _json(self, value: Any) -> bytes:
        """Return JSON; at times with a key twice, lone surrogates, white space or a byte order mark."""
        text = json.dumps(value, ensure_ascii=self._chance.random() < 0.5, allow_nan=True)
        made = text.encode("utf-8", "surrogatepass")
        pick = self._chance.random()
        if pick < 0.05 and made.startswith(b"{") and len(made) > 2:
            return b'{"id":"twice",' + made[1:]
        return b"\xef\xbb\xbf " + made if pick < 0.1 else made

    def _changed_value(self, value: Any) -> Any:
        """Return a JSON value with a change at a place of it."""
        if not isinstance(value, dict | list) or not value or self._chance.random() < 0.1:
            return self._replaced(value)
        place = self._chance.choice(list(value) if isinstance(value, dict) else range(len(value)))
        match self._chance.randrange(6):
            case 0:
                del value[place]
            case 1 if isinstance(value, dict):
                value[self._chance.choice(("", "a.b", "\x00", "x" * 300, place + "x"))] = value[
                    place
                ]
            case 1:
                value.extend([value[place]] * self._chance.choice((1, 20, 200)))
            case _:
                value[place] = self._changed_value(value[place])
        return value

    def _replaced(self, value: Any) -> Any:
        match self._chance.randrange(4):
            case 0:
                return [value]
            case 1:
                return {"value": value}
            case 2:
                for _ in range(self._chance.choice((3, 30, 70))):
                    value = [value]
                return value
            case _:
                return copy.deepcopy(self._chance.choice(_ODD_VALUES))

    def _changed_form(self, body: bytes) -> tuple[str, bytes]:
        pairs = [
            tuple(pair.split("=", 1)) for pair in body.decode("latin-1").split("&") if "=" in pair
        ]
        texts = [each for each in _ODD_VALUES if isinstance(each, str)]
        for _ in range(self._chance.randrange(1, _EDITS)):
            at = self._chance.randrange(len(pairs) + 1)
            name = self._chance.choice(pairs)[0] if pairs else "a"
            match self._chance.randrange(4):
                case 0:
                    del pairs[at : at + 1]
                case 1:
                    pairs[at:at] = [(name, "twice")] * self._chance.choice((1, 5, 1200))
                case _:
                    value = self._chance.choice(texts).encode("utf-8", "replace")
                    pairs[at : at + 1] = [(name, quote_plus(value))]
        if self._chance.random() < 0.3:
            return self._multipart(pairs)
        separator = self._chance.choice(("&", "&", "&", ";", "&&"))
        return FORM, separator.join("=".join(pair) for pair in pairs).encode("latin-1", "replace")

    def _multipart(self, pairs: Sequence[tuple[str, ...]]) -> tuple[str, bytes]:
        """Return the fields as a multipart form, at times with a file, or without its end."""
        parts = [
            f'--x1\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
            for name, value in pairs[:1500]
        ]
        pick = self._chance.random()
        if pick < 0.2:
            parts.insert(
                0,
                '--x1\r\nContent-Disposition: form-data; name="f"; filename="a\xff"\r\n\r\n\x00\r\n',
            )
        elif pick < 0.4:
            parts.append(
                '--x1\r\nContent-Disposition: form-data; name="c"\r\n'
                "Content-Type: text/plain; charset=utf-16\r\n\r\n\xff\r\n"
            )
        end = "--x1--\r\n" if pick < 0.8 else self._chance.choice(("", "--x1", "--x1--x", "\r\n"))
        text = "".join(parts) + end
        return "multipart/form-data; boundary=x1", text.encode("latin-1", "replace")

    def _flipped(self, body: bytes) -> bytes:
        changed = bytearray(body)
        for _ in range(self._chance.randrange(1, 5)):
            at = self._chance.randrange(len(changed) + 1)
            match self._chance.randrange(3):
                case 0:
                    changed[at : at + 1] = self._chance.randbytes(1)
                case 1:
                    del changed[at : at + self._chance.randrange(1, 30)]
                case _:
                    changed[at:at] = self._chance.choice(
                        (b'"', b"\\", b"{", b"]", b",", b"&", b"\xc3")
                    )
        return bytes(changed)


def content_type(draft: Draft) -> str:
    """Return the content type of a draft; ``""`` if it has none."""
    return next((value for name, value in draft.headers if name.lower() == "content-type"), "")


def sample(path: str, body: object, *headers: tuple[str, str], query: str = "") -> Draft:
    """Return a right request: bytes as they are, a list of pairs as a form, all else as JSON."""
    if isinstance(body, bytes):
        return Draft(path=path, query=query, headers=list(headers), body=body)
    is_form = isinstance(body, list) and all(isinstance(each, tuple) for each in body)
    content = urlencode(body).encode() if is_form else msgspec.json.encode(body)  # type: ignore[arg-type]
    kind = ("Content-Type", FORM if is_form else JSON)
    return Draft(path=path, query=query, headers=[*headers, kind], body=content)
