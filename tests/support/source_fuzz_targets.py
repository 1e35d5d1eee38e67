"""The decoders that get requests to sources, each as a function of bytes that must not fail.

Bytes are lines of the head, an empty line, and the body. The length of the bytes chooses the source.
"""

import asyncio
import functools
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec
from multidict import CIMultiDict, CIMultiDictProxy

from router.configuration.load import ConfigurationSource, FolderPart
from router.errors import EventError
from router.events.limits import max_request_values
from router.events.model import Event, document
from router.sources.contract import FetchError, RequestHead, Verifier, VerifierEnvironment
from router.sources.mapping import MappingLimits, SourceMapping
from router.sources.verifiers.kinds import build_verifier
from support.fuzzed_sources import VARIABLES, fuzzed_sources, rules
from support.source_fuzz import content_type
from support.source_signing import SIGNERS, Draft

_NOW: Final = 1_764_000_000.0
_ITEMS: Final = 20
"""Items of an input that are mapped."""


def source_request(data: bytes) -> None:
    """A request whose sender is verified: what it becomes can be read, or has a reason."""
    head, body = _request(data)
    mapping = _mappings()[len(data) % len(_mappings())]
    try:
        opened = mapping.open(head, body, head.headers.get("Content-Type", ""))
        mapping.reply(opened)
    except EventError:
        return
    for index in range(min(len(opened.items), _ITEMS)):
        mapped = mapping.event(opened, index, _NOW)
        if isinstance(mapped, Event):
            assert "\x00" not in mapped.key[: len(mapped.source)]
            msgspec.json.decode(mapped.body)
            document(mapped)


def source_proof(data: bytes) -> None:
    """A request of a stranger: no bytes pass a verifier with a secret, and none fail it."""
    head, body = _request(data)
    verifier = _verifiers()[len(data) % len(_verifiers())]
    refusal = verifier.check_head(head)
    if refusal is None:
        refusal = _loop().run_until_complete(verifier.check_body(head, body))
    if refusal is not None:
        assert refusal.reason
        assert 400 <= refusal.status < 600


def _request(data: bytes) -> tuple[RequestHead, bytes]:
    top, _, body = data.partition(b"\n\n")
    query, *lines = top.split(b"\n")[:30]
    pairs = [line.partition(b":") for line in lines]
    headers = CIMultiDict(
        (name.decode("latin-1"), value.strip().decode("utf-8", "surrogateescape"))
        for name, _, value in pairs
    )
    text = query.decode("utf-8", "surrogateescape")
    head = RequestHead(
        method="POST",
        path="/in/source",
        query=text,
        headers=CIMultiDictProxy(headers),
        urls=(f"http://fuzz.example/in/source?{text}",),
        address=None,
        peer=None,
        received_at=_NOW,
    )
    return head, body


@functools.cache
def _configuration() -> Sequence[SourceMapping | tuple[Verifier, ...]]:
    folder = Path(tempfile.mkdtemp(prefix="router-fuzz-"))
    (folder / "rules.yaml").write_text(rules(), encoding="utf-8")
    source = ConfigurationSource(folder=folder, environ=VARIABLES, part=FolderPart.SOURCES)
    environment = VerifierEnvironment(fetch=_fetch)
    limits = MappingLimits(max_events=50, max_depth=64, max_values=max_request_values(4 << 20))
    made: list[SourceMapping | tuple[Verifier, ...]] = []
    for spec in source.load().sources:
        made.append(SourceMapping(spec, limits, lambda: "id"))
        made.append(tuple(build_verifier(each, environment) for each in spec.verify.values()))
    return made


@functools.cache
def _mappings() -> list[SourceMapping]:
    return [each for each in _configuration() if isinstance(each, SourceMapping)]


@functools.cache
def _verifiers() -> list[Verifier]:
    return [one for each in _configuration() if isinstance(each, tuple) for one in each]


async def _fetch(url: str) -> bytes:
    raise FetchError(f"no network: {url}")


@functools.cache
def _loop() -> asyncio.AbstractEventLoop:
    return asyncio.new_event_loop()


def _written(draft: Draft) -> bytes:
    lines = [draft.query, *(f"{name}: {value}" for name, value in draft.headers)]
    return "\n".join(lines).encode() + b"\n\n" + draft.body


@functools.cache
def source_seeds() -> Mapping[str, list[bytes]]:
    """Return right requests of each sender: for the mapping, and with their proof."""
    plain = [_written(draft) for source in fuzzed_sources() for draft in source.samples[:2]]
    signed = []
    for source in fuzzed_sources():
        draft = next((each for each in source.samples if content_type(each)), source.samples[0])
        for name in source.verifiers:
            SIGNERS[name](draft, _NOW)
        signed.append(_written(draft))
    return {"source_request": plain, "source_proof": signed}


SOURCE_TARGETS: Final[Mapping[str, Callable[[bytes], None]]] = {
    target.__name__: target for target in (source_request, source_proof)
}
