"""The parts of ``router dev`` that need no process; tests of the command run all of it."""

from pathlib import Path

import msgspec

from router.dev.dev import data_folder, sample_event


def test_the_sample_is_twilios_example_with_an_id_and_a_timeout(sample: bytes) -> None:
    event = msgspec.json.decode(sample_event("NO1"))
    documented = msgspec.json.decode(sample)

    assert (event["id"], event["data"]["status"]) == ("NO1", "summary_timeout")
    assert event["type"] == documented["type"]
    assert event["data"].keys() == documented["data"].keys()


def test_data_is_in_the_xdg_state_folder() -> None:
    assert data_folder("", Path("/home/me")) == Path("/home/me/.local/state/router/dev")
    assert data_folder("/state", Path("/home/me")) == Path("/state/router/dev")
