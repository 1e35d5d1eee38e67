"""What a process opens without credentials is said at its start."""

import pytest
from support.running import settings_for

from router.datatypes import Secret
from router.runtime.exposure import EXAMPLE_AUTH_TOKEN, open_things, weak_tokens
from router.runtime.roles import Roles
from router.settings.choices import EventsOpen

INGRESS = Roles(port=0, ingress=True)
EVENTS = "/events accepts events without a token"
PORT = "metrics and readiness are open on the port of senders"


@pytest.mark.parametrize(
    ("host", "is_open", "roles", "expected"),
    [
        ("127.0.0.1", EventsOpen.YES, INGRESS, []),
        ("::1", EventsOpen.YES, INGRESS, []),
        ("localhost", EventsOpen.ALL, INGRESS, []),
        ("0.0.0.0", EventsOpen.NO, INGRESS, [PORT]),  # noqa: S104 - the case
        ("::", EventsOpen.YES, INGRESS, [EVENTS, PORT]),
        ("router.internal", EventsOpen.ALL, INGRESS, [f"{EVENTS}, Twilio's types included", PORT]),
        ("10.0.0.1", EventsOpen.NO, Roles(port=0, operations_port=0, ingress=True), []),
        ("0.0.0.0", EventsOpen.YES, Roles(port=0), []),  # noqa: S104 - the case
    ],
)
def test_each_open_thing_has_a_warning(
    host: str, is_open: EventsOpen, roles: Roles, expected: list[str]
) -> None:
    """Mutants: loopback is not exempt; a worker without ingress warns."""
    settings = settings_for("redis://x", host=host, events_open=is_open)

    assert [message.partition(";")[0] for message in open_things(settings, roles)] == expected


@pytest.mark.parametrize(
    ("token", "public_url", "expected"),
    [
        (EXAMPLE_AUTH_TOKEN, "https://router.example.com", 1),
        (EXAMPLE_AUTH_TOKEN, "", 0),
        ("a-token-of-ones-own", "https://router.example.com", 0),
    ],
)
def test_the_token_of_the_example_has_a_warning_once_there_is_a_public_url(
    token: str, public_url: str, expected: int
) -> None:
    settings = settings_for(
        "redis://x",
        host="0.0.0.0",  # noqa: S104 - as in Compose
        public_url=public_url,
        twilio_auth_tokens=(Secret("first"), Secret(token)),
    )
    roles = Roles(port=0, operations_port=0, ingress=True)

    found = [each for each in open_things(settings, roles) if "docker-compose.yml" in each]
    assert len(found) == expected
    assert token not in "".join(found)


@pytest.mark.parametrize(
    ("host", "operations_host", "token", "expected"),
    [
        ("127.0.0.1", "", "short", []),
        ("::", "127.0.0.1", "short", []),
        ("::", "", "long-enough-for-all", []),
        ("::", "", "short", ["ROUTER_VIEWER_TOKEN has fewer than 16 characters"]),
        ("127.0.0.1", "10.0.0.1", "short", ["ROUTER_VIEWER_TOKEN has fewer than 16 characters"]),
    ],
)
def test_a_token_that_others_may_guess_has_a_warning(
    host: str, operations_host: str, token: str, expected: list[str]
) -> None:
    settings = settings_for(
        "redis://x", host=host, operations_host=operations_host, viewer_token=Secret(token)
    )

    assert [message.partition(" and ")[0] for message in weak_tokens(settings)] == expected
