"""Why a signature does not fit, found by trying what usually goes wrong. Pure.

After a refusal, the signature is compared with those of near misses: a body that a proxy changed, a
secret with a line end, another algorithm or encoding, the secret of another source. A hint states
only a match that was computed. It goes to operators, never to the sender.

Each trial is an HMAC. Their number, the size of the body and the rate of explanations are bounded,
so that wrong signatures cost little more than right ones.
"""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from router.datatypes import Secret
from router.events.json_text import UNDECODABLE
from router.sources.hmac_scheme import (
    HASHES,
    HmacScheme,
    SignatureEncoding,
    digest_of,
    is_one_of,
)
from router.sources.signed_text import SignedRequest, SignedText

LARGEST_BODY: Final = 131072
"""Bytes of a body, or of body and signed text, up to which a mismatch is explained."""
_MAX_KEYS: Final = 3
_MAX_OTHERS: Final = 50
_MAX_GIVEN: Final = 3
_BURST: Final = 20
_PER_SECOND: Final = 2.0
_PREFIX: Final = re.compile(r"[A-Za-z0-9_-]{1,16}[=,]")
"""A prefix such as ``sha256=`` or ``v1,``."""
_TEXTS: Final = {
    text: SignedText.parse(text)
    for text in (
        "{body}",
        "{timestamp}.{body}",
        "{timestamp}:{body}",
        "{timestamp}{body}",
        "v0:{timestamp}:{body}",
        "{body}{timestamp}",
    )
}


class HintBudget:
    """Limits how often mismatches are explained: bursts of 20, then two a second."""

    def __init__(self) -> None:
        self._left = float(_BURST)
        self._at = 0.0

    def take(self, now: float) -> bool:
        """Return whether one may be explained at ``now``, and count it."""
        self._left = min(_BURST, self._left + max(0.0, now - self._at) * _PER_SECOND)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


class Mismatch(msgspec.Struct, frozen=True, kw_only=True):
    """A request whose signature fits no secret."""

    scheme: HmacScheme
    request: SignedRequest
    signatures: Sequence[str]
    keys: Sequence[bytes]
    secrets: Sequence[Secret]
    others: Sequence[tuple[str, bytes]] = ()
    """The keys of other sources, by their names."""


class _Trial(msgspec.Struct, frozen=True):
    scheme: HmacScheme
    key: bytes
    request: SignedRequest
    sentence: str


def explain_mismatch(mismatch: Mismatch) -> str:
    """Return a sentence about the near miss that fits; ``""`` if none does."""
    signed = mismatch.scheme.signed.chunks(mismatch.request)
    if sum(map(len, signed)) + len(mismatch.request.body) > LARGEST_BODY:
        return ""
    given = [_readings(text) for text in mismatch.signatures[:_MAX_GIVEN]]
    digests = [digest for readings in given for _, digest in readings]
    if not digests:
        return _unreadable(mismatch.scheme)
    for trial in _trials(mismatch):
        if is_one_of([digest_of(trial.scheme, trial.key, trial.request)], digests):
            return trial.sentence
    return ""


def body_variants(body: bytes) -> Iterator[tuple[bytes, str]]:
    """Yield the bodies that a proxy may have changed into ``body``, and how to say it."""
    if body.endswith(b"\n"):
        yield body.rstrip(b"\r\n"), "the body without its last line end"
    yield body + b"\n", "the body with a line end after it"
    if b"\r\n" in body:
        yield body.replace(b"\r\n", b"\n"), "the body with LF for CRLF"
    elif b"\n" in body:
        yield body.replace(b"\n", b"\r\n"), "the body with CRLF for LF"
    if body:
        yield b"", "an empty body"
    yield from _json_variants(body)


def _json_variants(body: bytes) -> Iterator[tuple[bytes, str]]:
    try:
        value = msgspec.json.decode(body)
        compact, ordered = (msgspec.json.encode(value, order=each) for each in (None, "sorted"))
    except (*UNDECODABLE, ValueError, OverflowError):
        return
    yield compact, "the body as JSON without white space"
    yield ordered, "the body as JSON without white space and with sorted keys"
    yield msgspec.json.format(compact, indent=2), "the body as JSON with an indent of 2"
    spaced = json.dumps(value, ensure_ascii=False)
    yield (
        spaced.encode("utf-8", "surrogatepass"),
        "the body as JSON with a space after each comma and colon",
    )


def key_variants(secret: Secret) -> Iterator[tuple[bytes, str]]:
    """Yield the keys that a secret may have been meant to be, and how to say it."""
    text = secret.reveal()
    key = text.encode("utf-8", "surrogateescape")
    yield key, "the text of the secret itself"
    yield key + b"\n", "the secret with a line end after it: the sender's has one"
    if key != key.strip():
        yield key.strip(), "the secret without the white space around it: remove it"
    _, underscore, rest = text.partition("_")
    if underscore:
        yield rest.encode("utf-8", "surrogateescape"), "the part of the secret after its first _"
        yield from _decoded(rest, "the part of the secret after its first _")
    yield from _decoded(text, "the secret")


def _decoded(text: str, subject: str) -> Iterator[tuple[bytes, str]]:
    for encoding in (SignatureEncoding.BASE64, SignatureEncoding.HEX):
        padding = "=" * (-len(text) % 4) if encoding is SignatureEncoding.BASE64 else ""
        key = encoding.read(text + padding)
        if key:
            yield key, f"{subject}, decoded from {encoding}"


def _trials(mismatch: Mismatch) -> Iterator[_Trial]:
    scheme, request = mismatch.scheme, mismatch.request
    for key in mismatch.keys[:_MAX_KEYS]:
        yield from _other_forms(mismatch, key)
    for secret in mismatch.secrets[:_MAX_KEYS]:
        for key, words in key_variants(secret):
            yield _Trial(scheme, key, request, f"the signature fits {words}")
    for name, key in mismatch.others[:_MAX_OTHERS]:
        yield _Trial(
            scheme,
            key,
            request,
            f"the signature fits the secret of the source {name}: the sender calls the wrong path,"
            " or the secrets are exchanged",
        )


def _other_forms(mismatch: Mismatch, key: bytes) -> Iterator[_Trial]:
    """Yield trials with the right key, and another form of the rest."""
    scheme, request = mismatch.scheme, mismatch.request
    written = _written_otherwise(mismatch)
    yield _Trial(scheme, key, request, f"the signature fits the secret and the body, {written}")
    for body, words in body_variants(request.body):
        changed = msgspec.structs.replace(request, body=body)
        sentence = f"the signature fits {words}: a proxy in between changes bodies"
        yield _Trial(scheme, key, changed, sentence)
    for hash_name in HASHES:
        sentence = (
            f"the signature fits with {hash_name}, and the source says {scheme.hash_name}: write"
            f" algorithm: {hash_name}"
        )
        yield _Trial(msgspec.structs.replace(scheme, hash_name=hash_name), key, request, sentence)
    for text, signed in _TEXTS.items():
        if signed.names("timestamp") and not request.timestamp:
            continue
        sentence = (
            f'the signature fits the text "{text}", and the source says "{scheme.signed.template}"'
        )
        yield _Trial(msgspec.structs.replace(scheme, signed=signed), key, request, sentence)


def _readings(text: str) -> list[tuple[SignatureEncoding, bytes]]:
    """Return the digests that a signature may denote, whatever its prefix and its encoding."""
    found = []
    for each in {text, _PREFIX.sub("", text, count=1)}:
        for encoding in SignatureEncoding:
            digest = encoding.read(each)
            if digest and len(digest) in {20, 32, 64}:
                found.append((encoding, digest))
    return found


def _written_otherwise(mismatch: Mismatch) -> str:
    """Return how the first signature is written, and how the source says that it is."""
    scheme, text = mismatch.scheme, mismatch.signatures[0] if mismatch.signatures else ""
    prefix = _PREFIX.match(text)
    shown = prefix[0] if prefix and not text.endswith("=") else ""
    written = [encoding for encoding, _ in _readings(text)] or [scheme.encoding]
    if scheme.prefix != shown and not text.startswith(scheme.prefix or "\n"):
        found = f'the prefix "{shown}"' if shown else "no prefix"
        return f'and it has {found}, while the source says "{scheme.prefix}"'
    return f"but it is written in {written[0]}, and the source says {scheme.encoding}"


def _unreadable(scheme: HmacScheme) -> str:
    form = f'"{scheme.prefix}" and ' if scheme.prefix else ""
    return (
        f"the header {scheme.header} has no signature of a known form: the source expects"
        f" {form}a {scheme.hash_name} in {scheme.encoding}"
    )
