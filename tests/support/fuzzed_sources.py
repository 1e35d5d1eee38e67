"""A rules folder with a source for each preset and each verifier, and right requests to each of them."""

import copy
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import yaml

from router.configuration.readers.sources import preset_names, preset_parts
from support.source_fuzz import FuzzedSource, sample
from support.source_signing import SECRET, SENDGRID_KEY, STANDARD_SECRET, Draft

SAMPLES: Final = Path(__file__).parents[1] / "data" / "senders"
VARIABLES: Final[Mapping[str, str]] = {
    "FUZZ_SECRET": SECRET,
    "FUZZ_STANDARD_SECRET": STANDARD_SECRET,
    "FUZZ_CREDENTIALS": f"router:{SECRET}",
    "FUZZ_PUBLIC_KEY": SENDGRID_KEY,
}
"""The variables that the rules name."""
_SECRET: Final = {"secret": "${FUZZ_SECRET}"}
_STANDARD: Final = {"secret": "${FUZZ_STANDARD_SECRET}"}
OPTIONS: Final[Mapping[str, Mapping[str, object]]] = {
    "api_key": _SECRET,
    "basic": {"credentials": "${FUZZ_CREDENTIALS}"},
    "bearer": {"token": "${FUZZ_SECRET}"},
    "github": _SECRET,
    "grafana": _SECRET,
    "hmac": _SECRET,
    "mtls": {
        "format": "subject",
        "header": "X-Client-DN",
        "verified": "X-Client-Verify",
        "subjects": ["CN=sender.example"],
    },
    "networks": {"allow": ["127.0.0.0/8"]},
    "pagerduty": _SECRET,
    "sendgrid": {"public_key": "${FUZZ_PUBLIC_KEY}"},
    "sentry": _SECRET,
    "shopify": _SECRET,
    "slack": _SECRET,
    "sns": {"topics": ["arn:aws:sns:us-west-2:123456789012:*"]},
    "standard-webhooks": _STANDARD,
    "stripe": _SECRET,
    "svix": _STANDARD,
    "twilio": {"auth_token": "${FUZZ_SECRET}"},
}
"""The options of each verifier, beside those of a preset."""
_MORE_OPTIONS: Final[Mapping[str, Mapping[str, object]]] = {
    "api_key": {"header": "X-API-Key"},
    "hmac": {
        "header": "X-Signature",
        "prefix": "sha256=",
        "signed": "{timestamp}.{body}",
        "timestamp": "X-Timestamp",
    },
}
"""Those that a source needs that has no preset."""
_MAPPED: Final[Mapping[str, object]] = {
    "split": "body.items",
    "skip": 'item.?kind.orValue("") == "heartbeat"',
    "event": {
        "type": '"com.crm." + item.kind',
        "id": "item.id",
        "source": '"crm"',
        "time": "item.at",
        "subject": "item.account",
        "data": "item",
    },
}
_ANY_BODY: Final[Mapping[str, object]] = {
    "replies": [{"when": 'body.type == "challenge"', "json": {"challenge": "body.challenge"}}],
    "event": {
        "type": '"form." + form.?kind.orValue("none")',
        "subject": "query.?a",
        "time": "form.?at",
        "data": '{"body": body, "headers": headers, "query": query, "at": received_at}',
        "extensions": {"event": 'headers["x-event"]'},
    },
}
_VISITING: Final[Mapping[str, object]] = {
    "replies": [{"when": 'body.type == "confirm"', "visit": "body.url", "hosts": ["127.0.0.1"]}],
    "event": {"id": "body.id", "subject": "body.type"},
}
_CONFIRMATION: Final = {"type": "confirm", "url": "https://127.0.0.1:1/", "id": "1"}
_ITEMS: Final = {
    "items": [
        {"kind": "order", "id": "o1", "at": "2026-01-01T00:00:00Z", "account": "é", "n": 1.5},
        {"kind": "refund", "id": 2, "at": 1764007200, "account": None, "more": {"a": [1, {}]}},
        {"kind": "heartbeat"},
    ]
}
_FORM: Final = [
    ("kind", "call"),
    ("id", "CA1"),
    ("at", "Tue, 24 Nov 2026 18:00:00 +0000"),
    ("note", "é & 🦉"),
]


def rules() -> str:
    """Return the text of a rules file."""
    sources = {name: copy.deepcopy(keys) for name, keys, _ in _sources()}  # YAML without aliases
    return yaml.safe_dump({"sources": sources}, allow_unicode=True, sort_keys=False)


def fuzzed_sources() -> list[FuzzedSource]:
    """Return the sources with the requests of their senders."""
    return [source for _, _, source in _sources()]


def _sources() -> Iterator[tuple[str, dict[str, object], FuzzedSource]]:
    for name in preset_names():
        yield _of_preset(name)
    for number, name in enumerate(OPTIONS):
        mapped = (_MAPPED, _ANY_BODY)[number % 2]
        yield _of_verifier(f"v-{name.replace('_', '-')}", name, mapped)
    visiting: dict[str, object] = {"verify": "none", **_VISITING}
    confirmation = sample("/in/open-visit", _CONFIRMATION)
    yield (
        "open-visit",
        visiting,
        FuzzedSource(path="/in/open-visit", samples=(confirmation,), needs_network=True),
    )
    for name, mapped in (("open-items", _MAPPED), ("open-any", _ANY_BODY), ("open-raw", {})):
        keys: dict[str, object] = {"verify": "none", **mapped}
        yield name, keys, FuzzedSource(path=f"/in/{name}", samples=_samples(f"/in/{name}"))


def _of_preset(name: str) -> tuple[str, dict[str, object], FuzzedSource]:
    preset = preset_parts(name)
    path = (preset.text.path or "/in/{name}").replace("{name}", name)
    named = [entry.key.text for entry in preset.verify.entries] if preset.verify else []
    verifiers = named or ["bearer"]
    keys = {"preset": name, "verify": {each: dict(OPTIONS[each]) for each in verifiers}}
    files = sorted((SAMPLES / name).glob("*.http"))
    samples = tuple(read_request(_without_host(file.read_bytes()), path) for file in files)
    source = FuzzedSource(
        path=path,
        verifiers=tuple(verifiers),
        samples=samples,
        needs_network="sns" in verifiers,
    )
    return name, keys, source


def _without_host(text: bytes) -> bytes:
    """Return a request without the host of Amazon's certificates, which the router would get."""
    return text.replace(b".amazonaws.com/SimpleNotificationService", b".invalid/x")


def _of_verifier(
    name: str, verifier: str, mapped: Mapping[str, object]
) -> tuple[str, dict[str, object], FuzzedSource]:
    options = {**OPTIONS[verifier], **_MORE_OPTIONS.get(verifier, {})}
    path = f"/in/{name}"
    keys = {"verify": {verifier: options}, **mapped}
    source = FuzzedSource(
        path=path,
        verifiers=(verifier,),
        samples=_samples(path),
        needs_network=verifier == "sns",
    )
    return name, keys, source


def _samples(path: str) -> tuple[Draft, ...]:
    return (
        sample(path, _ITEMS, ("X-Event", "e1"), query="a=b"),
        sample(path, _FORM, ("X-Event", "e2")),
        sample(path, {"type": "challenge", "challenge": "c1"}),
        sample(path, "text é".encode(), ("Content-Type", "text/plain"), ("X-Event", "e3")),
    )


def read_request(text: bytes, path: str) -> Draft:
    """Return a request of a file ``.http``: a first line, headers and a body."""
    top, _, body = text.replace(b"\r\n", b"\n").partition(b"\n\n")
    first, *lines = top.decode("utf-8").split("\n")
    method, target = first.split()[:2]
    pairs = [line.partition(":")[::2] for line in lines]
    left_out = {"host", "content-length"}
    headers = [(name, value.strip()) for name, value in pairs if name.lower() not in left_out]
    return Draft(
        method=method, path=path, query=target.partition("?")[2], headers=headers, body=body
    )
