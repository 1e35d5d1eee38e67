"""The steps of a request with a source: each is shown with its reason, and nothing is sent."""

import hashlib
import hmac
from pathlib import Path
from typing import Any

import pytest

from router.configuration.load import load
from router.configuration.variables import MissingVariable
from router.offline.source_trial import SourceTester, SourceTrial, TrialRequest
from router.sources.mapping import MappingLimits

SECRET = "secret-of-the-crm"
RULES = """
sources:
  crm:
    verify: {hmac: {secret: "${CRM_SECRET}", header: X-Signature, prefix: "sha256="}}
    split: body.items
    skip: item.kind == "ping"
    event: {type: '"com.crm." + item.kind', id: item.id, time: item.at}
    events_per_request: 3
  near: {verify: {networks: {allow: [192.0.2.0/24]}}, event: {type: '"near"'}}
  open: {verify: none, event: {type: body.kind}}
  slack: {preset: slack, verify: {secret: "${SLACK_SECRET}"}}
"""
LIMITS = MappingLimits(max_events=1000, max_depth=64, max_values=10_000)
DEAL = b'{"kind": "deal", "id": "1", "at": "2026-01-01T00:00:00Z"}'


async def tried(
    folder: Path, source: str, body: bytes, *headers: tuple[str, str], **more: Any
) -> tuple[SourceTrial, list[str]]:
    (folder / "a.yaml").write_text(RULES)
    environ = more.pop("environ", {"CRM_SECRET": SECRET})
    sources = load(folder, environ, missing=MissingVariable.KEEP).sources
    spec = next(each for each in sources if each.name == source)
    request = TrialRequest(
        **{
            "method": "POST",
            "path": spec.path,
            "headers": (("content-type", "application/json"), *headers),
            "body": body,
            "url": f"https://a.example{spec.path}",
            "at": 1_767_225_600.0,
            **more,
        }
    )
    trial, events = await SourceTester(spec, (), LIMITS, lambda: "new-id").run(request)
    return trial, [each.type for each in events]


def signed(body: bytes, secret: str = SECRET) -> tuple[str, str]:
    digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return "X-Signature", f"sha256={digest}"


async def test_a_signed_request_becomes_events(tmp_path: Path) -> None:
    body = b'{"items": [%s, {"kind": "ping", "id": "2"}]}' % DEAL

    trial, types = await tried(tmp_path, "crm", body, signed(body))

    assert types == ["com.crm.deal"]
    assert (trial.verdict, trial.is_well) == ("accepted", True)
    (check,) = trial.verification
    assert (check.verifier, check.outcome) == ("hmac", "passed")
    first, second = trial.items
    assert second.is_skipped
    steps = {each.name: (each.expression, each.value) for each in first.attributes}
    assert steps["type"] == ('"com.crm." + item.kind', "com.crm.deal")
    assert steps["source"] == (None, "/in/crm")
    assert first.event["time"] == "2026-01-01T00:00:00Z"


@pytest.mark.parametrize(
    ("signature", "environ", "outcome", "verdict", "is_well"),
    [
        ("", {"CRM_SECRET": SECRET}, "not checked", "accepted", True),
        (SECRET, {}, "not checked", "accepted", True),
        ("another secret", {"CRM_SECRET": SECRET}, "refused", "refused", False),
    ],
    ids=["no signature", "no secret here", "wrong secret"],
)
async def test_what_would_come_is_shown_whatever_the_signature_is(
    tmp_path: Path,
    signature: str,
    environ: dict[str, str],
    outcome: str,
    verdict: str,
    is_well: bool,  # noqa: FBT001 - a column of the table
) -> None:
    """Mutant: nothing after a verifier that refuses."""
    body = b'{"items": [%s]}' % DEAL
    headers = (signed(body, signature),) if signature else ()

    trial, types = await tried(tmp_path, "crm", body, *headers, environ=environ)

    assert types == ["com.crm.deal"]
    assert [each.outcome for each in trial.verification] == [outcome]
    assert (trial.verdict, trial.is_well) == (verdict, is_well)
    assert SECRET not in str(trial)


@pytest.mark.parametrize(
    ("source", "body", "verdict", "reason"),
    [
        ("crm", b'{"items": [{"kind": "deal"}]}', "accepted into quarantine", "id: no such field"),
        ("crm", b'{"items": 1}', "accepted into quarantine", "split must be a list"),
        ("crm", b"{", "accepted into quarantine", "ends too early"),
        ("crm", b'{"items": [1, 2, 3, 4]}', "refused", "4 events in one request, at most 3"),
        ("open", b'{"kind": 1.5}', "accepted", ""),
        ("open", b"{}", "refused", "type: no such field: body.kind"),
        ("crm", b'{"items": []}', "accepted, and the source skips all of it", ""),
    ],
)
async def test_a_request_that_cannot_be_mapped_says_why(
    tmp_path: Path, source: str, body: bytes, verdict: str, reason: str
) -> None:
    headers = [signed(body)] if source == "crm" else []

    trial, _ = await tried(tmp_path, source, body, *headers)

    assert trial.verdict == verdict
    shown = trial.problem + "".join(each.reason for each in trial.items)
    assert reason in shown
    assert trial.is_well is not bool(reason)


async def test_an_address_that_is_not_given_is_not_compared(tmp_path: Path) -> None:
    outcomes = [
        (await tried(tmp_path, "near", b"{}", client=client))[0].verification[0].outcome
        for client in ("", "192.0.2.9", "198.51.100.1")
    ]

    assert outcomes == ["not checked", "passed", "refused"]


async def test_a_handshake_is_answered_without_an_event(tmp_path: Path) -> None:
    body = b'{"type": "url_verification", "challenge": "3eZbrw1a"}'

    trial, types = await tried(tmp_path, "slack", body)

    assert types == []
    assert trial.verdict == "answered as a handshake, without an event"
    assert trial.reply is not None
    assert "3eZbrw1a" in trial.reply.content
    assert trial.is_well


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ({"path": "/in/crn"}, "its path is /in/crn, that of the source is /in/open"),
        ({"method": "GET"}, "its method is GET, the source takes POST"),
    ],
)
async def test_another_path_or_method_is_refused(
    tmp_path: Path, more: dict[str, str], problem: str
) -> None:
    trial, _ = await tried(tmp_path, "open", b'{"kind": "a"}', **more)

    assert (trial.verdict, trial.problem) == ("refused", problem)


async def test_an_item_that_becomes_no_event_has_the_defaults_of_the_others(tmp_path: Path) -> None:
    trial, _ = await tried(tmp_path, "open", b'{"kind": ""}')

    (item,) = trial.items
    steps = {each.name: each.value for each in item.attributes if each.expression is None}
    assert steps == {
        "id": "new-id",
        "source": "/in/open",
        "time": None,
        "subject": None,
        "data": {"kind": ""},
    }
