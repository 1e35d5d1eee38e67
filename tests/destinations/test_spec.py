"""A destination from its spec: as configured, or a capture if it has no credentials."""

import pytest

from router.datatypes import Secret
from router.destinations.capture import CaptureConfig, CaptureDestination
from router.destinations.http import HttpDestination
from router.destinations.http_config import HttpConfig
from router.destinations.spec import DestinationSpec, make_destination

HTTP = HttpConfig(url=Secret("https://tickets.example.com/hook"), concurrency=7)


@pytest.mark.parametrize(
    ("kind", "config", "missing", "expected"),
    [
        ("http", HTTP, (), HttpDestination),
        ("http", HTTP, ("TICKETS_URL",), CaptureDestination),
        ("http", None, ("TICKETS_URL",), CaptureDestination),
        ("capture", CaptureConfig(), (), CaptureDestination),
    ],
)
def test_what_a_spec_becomes(kind, config, missing, expected, environment):
    spec = DestinationSpec(name="tickets", kind=kind, config=config, missing_variables=missing)
    destination = make_destination(spec, environment)
    assert (type(destination), destination.name) == (expected, "tickets")


def test_a_stand_in_has_the_limits_and_the_preview_of_the_configured_destination(
    environment, delivery
):
    spec = DestinationSpec(name="x", kind="http", config=HTTP, missing_variables=("URL",))
    capture = make_destination(spec, environment)
    assert capture.config.concurrency == 7
    assert capture.preview(delivery) == HttpDestination("x", HTTP, environment).preview(delivery)


async def test_a_configured_capture_writes_its_file(environment, delivery, tmp_path):
    """Case O19: the options of a ``capture`` destination are kept."""
    config = CaptureConfig(file=str(tmp_path / "captured.jsonl"), keep=1)
    spec = DestinationSpec(name="x", kind="capture", config=config)
    capture = make_destination(spec, environment)
    for _ in range(2):
        await capture.attempt(delivery)
    assert (tmp_path / "captured.jsonl").read_text().count("\n") == 2
    assert len(capture.captured) == 1


async def test_a_destination_without_placeholders_reports_what_it_captures(environment, delivery):
    captured = []
    spec = DestinationSpec(name="x", kind="http", config=None, missing_variables=("URL",))
    await make_destination(spec, environment, lambda *each: captured.append(each)).attempt(delivery)
    assert [each for each, _ in captured] == [delivery]


async def test_each_captured_delivery_is_passed_on(environment, delivery):
    captured = []
    spec = DestinationSpec(name="x", kind="capture", config=CaptureConfig())
    capture = make_destination(spec, environment, lambda *each: captured.append(each))
    await capture.attempt(delivery)
    assert captured == [(delivery, capture.preview(delivery))]


@pytest.mark.parametrize(("changed", "is_equal"), [({}, True), ({"concurrency": 8}, False)])
def test_specs_with_the_same_content_are_equal(changed, is_equal):
    # A reload keeps a destination whose spec is equal.
    config = HttpConfig(url=Secret("https://tickets.example.com/hook"), concurrency=7)
    other = HttpConfig(**({"url": config.url, "concurrency": 7} | changed))
    specs = [DestinationSpec(name="x", kind="http", config=each) for each in (config, other)]
    assert (specs[0] == specs[1]) is is_equal
