import msgspec
import pytest

from router.datatypes import decode_value
from router.destinations.kinds import KINDS, build

MINIMAL = {
    "slack": {"webhook_url": "https://hooks.slack.com/services/T/B/X"},
    "email": {"to": ["a@example.com"], "from": "b@example.com", "smtp_url": "smtps://mail"},
    "http": {"url": "https://tickets.example.com/hook"},
    "apprise": {"url": "json://tickets.example.com/hook"},
    "capture": {},
}


def test_every_kind_is_tried_here():
    assert MINIMAL.keys() == KINDS.keys()


@pytest.mark.parametrize("kind", KINDS)
def test_each_is_built_from_its_configuration(kind, environment):
    config = msgspec.convert(MINIMAL[kind], KINDS[kind].config, dec_hook=decode_value)
    destination = build("oncall", config, environment)
    assert (destination.name, destination.config) == ("oncall", config)


@pytest.mark.parametrize("kind", KINDS)
def test_each_takes_what_all_take_and_nothing_unknown(kind):
    common = {"timeout": "3s", "concurrency": 2, "retry": {"attempts": 3, "first": "2s"}}
    config = msgspec.convert(MINIMAL[kind] | common, KINDS[kind].config, dec_hook=decode_value)
    assert (config.timeout, config.concurrency, config.retry.attempts) == (3.0, 2, 3)
    with pytest.raises(msgspec.ValidationError, match="unknown field `colour`"):
        msgspec.convert(
            MINIMAL[kind] | {"colour": "red"}, KINDS[kind].config, dec_hook=decode_value
        )
