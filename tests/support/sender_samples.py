"""The requests that senders publish, in ``tests/data/senders``: a file for each.

The first line of a file is method and path, the next ones are headers, and below an empty line is
the body. The file beside it with the same name and ``.json`` has the events that it becomes.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
import yaml
from twilio.request_validator import RequestValidator

from router.configuration.readers.sources import preset_parts
from router.datatypes import Secret
from support.signed_requests import CASES, PLANTED, URL, SignedCase, form_of, now
from support.sns_messages import signed_message

FOLDER: Final = Path(__file__).parents[1] / "data" / "senders"
RECEIVED_AT: Final = 1_796_091_070.0
"""The time at which the requests come, 2026-12-01T02:11:10Z: that of Prometheus's samples."""

_TOPIC: Final = "arn:aws:sns:us-west-2:123456789012:MyTopic"


class SenderSample(msgspec.Struct, frozen=True, kw_only=True):
    """A request as a sender publishes it."""

    preset: str
    name: str
    origin: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return f"{self.preset}/{self.name}"


def _read(file: Path, origin: str) -> SenderSample:
    head, _, body = file.read_bytes().partition(b"\n\n")
    first, *lines = head.decode().splitlines()
    return SenderSample(
        preset=file.parent.name,
        name=file.stem,
        origin=origin,
        path=first.split()[1],
        headers=dict(line.split(": ", 1) for line in lines),
        body=body.removesuffix(b"\n"),
    )


def origins() -> dict[str, dict[str, str]]:
    """Return where each sample is from, by preset and name."""
    read: dict[str, dict[str, str]] = yaml.safe_load((FOLDER / "senders.yaml").read_text("utf-8"))
    return read


SAMPLES: Final = [
    _read(FOLDER / preset / f"{name}.http", origin)
    for preset, names in origins().items()
    for name, origin in names.items()
]


def case_of(preset: str) -> SignedCase:
    """Return how requests of a preset are signed: as those of its verifier, or with a token."""
    verify = preset_parts(preset).verify
    key = "bearer" if verify is None else verify.entries[0].key.text
    name = {"twilio": "twilio, form"}.get(key)
    return next(case for case in CASES if case.key == key and name in {None, case.name})


def secrets_of(preset: str) -> tuple[Any, Any]:
    """Return the secret by which the samples of a preset are signed, and another one."""
    case = case_of(preset)
    if case.key == "sns":
        return [_TOPIC], [f"{_TOPIC}-of-another"]
    right, wrong = (
        next(each[name] for name in case.wrong if case.wrong[name] != case.options[name])
        for each in (case.options, case.wrong)
    )
    return _revealed(right), _revealed(wrong)


def _revealed(secret: Any) -> Any:
    return secret.reveal() if isinstance(secret, Secret) else secret


def signed(sample: SenderSample, url: str = URL) -> SenderSample:
    """Return a sample as its sender signs it now for a URL."""
    case = case_of(sample.preset)
    body, headers = sample.body, case.headers(sample.body, now())
    if case.key == "sns":
        body, headers = _signed_by_sns(body), {}
    if case.key == "twilio":
        signature = RequestValidator(PLANTED).compute_signature(url, form_of(body))
        headers = {"X-Twilio-Signature": signature}
    return msgspec.structs.replace(sample, headers={**sample.headers, **headers}, body=body)


def _signed_by_sns(body: bytes) -> bytes:
    message = {"Subject": None, **msgspec.json.decode(body)}
    changes = {"Signature", "SigningCertURL", "Timestamp"}
    kept = {name: each for name, each in message.items() if name not in changes}
    return msgspec.json.encode(signed_message(now(), **kept))


def query_of(sample: SenderSample) -> str:
    """Return the query of the URL that the sender has been given."""
    return f"code={PLANTED}" if sample.preset == "azure-event-grid" else ""
