"""Each preset, against the requests that its sender publishes. ``-s`` prints a table of them."""

import re
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
from support.golden import golden
from support.preset_mapping import mapping_of
from support.requests_of_senders import head_of, verdict
from support.sender_samples import (
    FOLDER,
    RECEIVED_AT,
    SAMPLES,
    SenderSample,
    case_of,
    origins,
    query_of,
    secrets_of,
    signed,
)
from support.signed_requests import now
from support.sns_messages import fetch_sns_certificate

from router.configuration.load import FolderPart, load
from router.configuration.readers.sources import preset_names, preset_parts, preset_yaml
from router.configuration.variables import MissingVariable
from router.errors import RulesError
from router.events.model import Event
from router.events.schemas import KNOWN_TYPES
from router.sources.contract import RequestHead, VerifierEnvironment
from router.sources.mapping import OpenedRequest, SourceMapping
from router.sources.spec import SourceSpec
from router.sources.verifiers.kinds import build_verifier

PAGE: Final = (Path(__file__).parents[2] / "docs" / "reference" / "presets.md").read_text("utf-8")
HEADER: Final = (
    "sample | from | verifier | judge of the signature | becomes | id | with another secret"
)


ENVIRONMENT: Final = VerifierEnvironment(fetch=fetch_sns_certificate)
each_sample: Final = pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.id)
each_preset: Final = pytest.mark.parametrize("name", preset_names())


def opened(sample: SenderSample) -> tuple[SourceMapping, OpenedRequest]:
    mapping = mapping_of(sample.preset)
    head: RequestHead = head_of(sample.headers, received_at=RECEIVED_AT)
    return mapping, mapping.open(head, sample.body, sample.headers["Content-Type"])


def outcome(sample: SenderSample) -> list[Any]:
    """Return the events of a sample, or the answer to a handshake."""
    mapping, request = opened(sample)
    reply = mapping.reply(request)
    if reply is not None:
        content = msgspec.json.decode(reply.content) if reply.content else None
        return [{"reply": reply.status, "content": content, "visit": reply.visit}]
    found = []
    for index in range(len(request.items)):
        event = mapping.event(request, index, RECEIVED_AT)
        if event is not None:
            assert isinstance(event, Event), event
            found.append(msgspec.json.decode(event.body))
    return found


@each_sample
def test_a_sample_becomes_its_events(sample: SenderSample) -> None:
    text = msgspec.json.format(msgspec.json.encode(outcome(sample))).decode() + "\n"

    assert text == golden(f"{sample.name}.json", text, FOLDER / sample.preset)


@each_sample
def test_no_documented_type_begins_as_those_of_a_preset(sample: SenderSample) -> None:
    """A rule about a preset's events by a pattern would be checked against other fields."""
    beginnings = {each.get("type", "none").rpartition(".")[0] + "." for each in outcome(sample)}

    assert not any(known.startswith(tuple(beginnings)) for known in KNOWN_TYPES)


@each_preset
def test_each_preset_has_a_sample(name: str) -> None:
    assert origins()[name]


def test_each_file_of_a_sample_has_an_origin() -> None:
    files = {f"{file.parent.name}/{file.stem}" for file in FOLDER.glob("*/*.http")}

    assert files == {sample.id for sample in SAMPLES}


@each_sample
def test_a_repetition_has_the_same_ids(sample: SenderSample) -> None:
    first, second = outcome(sample), outcome(sample)

    assert [each.get("id") for each in first] == [each.get("id") for each in second]


# How requests are verified


def yaml_of(name: str, **keys: Any) -> str:
    return f"sources:\n  {name}: {msgspec.json.encode({'preset': name, **keys}).decode()}\n"


def loaded(folder: Path, text: str) -> SourceSpec:
    (folder / "sources.yaml").write_text(text, "utf-8")
    (spec,) = load(folder, {}, part=FolderPart.SOURCES).sources
    return spec


SIGNED: Final = [sample for sample in SAMPLES if sample.preset != "generic"]
each_signed: Final = pytest.mark.parametrize("sample", SIGNED, ids=lambda sample: sample.id)


async def refusals(folder: Path, sample: SenderSample, secret: Any) -> list[str]:
    """Return the codes of the verifiers that refuse a sample, signed by the right secret."""
    spec = loaded(folder, yaml_of(sample.preset, verify={"secret": secret}))
    sent = signed(sample)
    head = head_of(sent.headers, query=query_of(sample), received_at=now())
    found = [
        await verdict(build_verifier(config, ENVIRONMENT), head, sent.body)
        for config in spec.verify.values()
    ]
    return [refusal.code for refusal in found if refusal is not None]


@each_signed
async def test_a_sample_passes_when_it_is_signed_and_not_by_another_secret(
    sample: SenderSample, tmp_path: Path
) -> None:
    right, wrong = secrets_of(sample.preset)

    assert await refusals(tmp_path, sample, right) == []
    assert len(await refusals(tmp_path, sample, wrong)) == 1


async def test_slack_s_own_signature_of_its_sample_passes(
    tmp_path: Path,
) -> None:
    sample = next(each for each in SAMPLES if each.id == "slack/slash-command")
    spec = loaded(tmp_path, yaml_of("slack", verify={"secret": "8f742231b10e8888abcd99yyyzzz85a5"}))
    head = head_of(sample.headers, received_at=1_531_420_618)

    assert (
        await verdict(build_verifier(spec.verify["slack"], ENVIRONMENT), head, sample.body) is None
    )


def test_a_generic_source_must_say_how_it_is_verified(tmp_path: Path) -> None:
    with pytest.raises(RulesError, match='needs "verify"'):
        loaded(tmp_path, yaml_of("generic"))


# What a source may change


def test_a_misspelt_field_in_an_override_is_found_when_it_is_read(tmp_path: Path) -> None:
    text = yaml_of("alertmanager", verify={"secret": "s"}, event={"subject": "item.fingerprnt"})

    with pytest.raises(RulesError, match="fingerprnt") as failure:
        loaded(tmp_path, text)

    assert 'did you mean "fingerprint"' in str(failure.value)


def test_an_override_replaces_one_attribute_and_leaves_the_others(tmp_path: Path) -> None:
    text = yaml_of("github", verify={"secret": "s"}, event={"subject": "body.sender.login"})

    spec = loaded(tmp_path, text)

    assert spec.event.subject is not None
    assert spec.event.subject.source == "body.sender.login"
    assert spec.event.type == preset_parts("github").event.type


def test_the_path_of_prometheus_has_the_name_of_the_source(tmp_path: Path) -> None:
    text = 'sources: {metrics: {preset: prometheus, verify: {secret: "s"}}}'

    assert loaded(tmp_path, text).path == "/in/metrics/api/v2/alerts"


# What the documentation says


def block_of(name: str) -> str:
    """Return the part of docs/reference/presets.md about a preset."""
    found = re.search(rf"^## {name}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert found, f"docs/reference/presets.md has no heading {name}"
    return found[1]


def yaml_blocks() -> list[str]:
    return list(dict.fromkeys(re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)))


@each_preset
def test_the_page_has_each_preset_with_its_url_and_a_source(name: str) -> None:
    text = block_of(name)

    assert f"preset: {name}" in text
    assert "router.example.com" in text
    assert f"[`{name}`](#{name})" in PAGE


def test_the_table_of_the_page_has_each_preset_and_its_verifier() -> None:
    rows = re.findall(
        r"^\| \[`([a-z-]+)`\]\(#[a-z-]+\) \| [^|]+ \| (?:`([a-z_-]+)`|you choose) \|",
        PAGE,
        re.MULTILINE,
    )

    assert {name: verifier or None for name, verifier in rows} == {
        name: None if (verify := preset_parts(name).verify) is None else verify.entries[0].key.text
        for name in preset_names()
    }


@pytest.mark.parametrize("text", yaml_blocks(), ids=lambda text: text.split()[1].rstrip(":"))
def test_the_examples_of_the_page_are_valid(text: str, tmp_path: Path) -> None:
    destinations = "destinations: {noc-mail: {capture: {}}}\n" if text.startswith("rules:") else ""
    (tmp_path / "rules.yaml").write_text(destinations + text, "utf-8")

    load(tmp_path, {}, missing=MissingVariable.KEEP, part=FolderPart.ALL)


@each_preset
def test_a_preset_is_as_readable_as_a_page(name: str) -> None:
    lines = preset_yaml(name).splitlines()

    assert max(len(line) for line in lines if not line.startswith("docs:")) <= 120
    assert preset_parts(name).text.about.endswith(".")
    assert preset_parts(name).text.docs.startswith(("https://", "docs/"))


async def test_the_table_of_presets(tmp_path: Path) -> None:
    """Run with ``-s`` to see it."""
    lines = []
    for sample in SAMPLES:
        found = outcome(sample)
        becomes = found[0].get("type", "a reply") if found else "nothing"
        row = [sample.id, sample.origin, "", "", becomes, found[0].get("id", "") if found else ""]
        if sample in SIGNED:
            case = case_of(sample.preset)
            row[2:4] = [case.key, case.oracle]
            row += await refusals(tmp_path, sample, secrets_of(sample.preset)[1])
        lines.append(" | ".join(row))
    print("", HEADER, *lines, sep="\n")  # noqa: T201 - the table
    assert len(lines) == len(SAMPLES)
