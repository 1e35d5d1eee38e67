"""Twilio's example event."""

import msgspec

from router.events.sample import sample_event


def test_the_sample_is_twilios_example_with_an_id_and_a_timeout(sample: bytes) -> None:
    event = msgspec.json.decode(sample_event("NO1"))
    documented = msgspec.json.decode(sample)

    assert (event["id"], event["data"]["status"]) == ("NO1", "summary_timeout")
    assert event["type"] == documented["type"]
    assert event["data"].keys() == documented["data"].keys()
