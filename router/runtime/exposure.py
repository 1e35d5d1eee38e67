"""Warnings at start about what other machines reach without credentials."""

import logging
from collections.abc import Iterator
from typing import Final

from router.runtime.roles import Roles
from router.settings.choices import EventsOpen
from router.settings.model import Settings, is_loopback
from router.settings.tokens import SHORTEST

logger = logging.getLogger(__name__)

EXAMPLE_AUTH_TOKEN: Final = "compose-example-auth-token"  # noqa: S105 - it is public
"""The auth token that ``docker-compose.yml`` has for trying things out."""


def warn(settings: Settings, roles: Roles) -> None:
    """Log one warning for each thing that is open on an address that others reach."""
    for message in (*open_things(settings, roles), *weak_tokens(settings)):
        logger.warning(message, extra={"host": settings.host})


def open_things(settings: Settings, roles: Roles) -> Iterator[str]:
    """Yield what a process with ingress opens to other machines without credentials, and the remedy.

    A port for operators alone is no thing of this list, because its purpose is to be separate.
    """
    if not roles.ingress or is_loopback(settings.host):
        return
    if settings.events_open is not EventsOpen.NO:
        types = ", Twilio's types included" if settings.events_open is EventsOpen.ALL else ""
        yield (
            f"/events accepts events without a token{types};"
            " set ROUTER_EVENTS_TOKEN and remove ROUTER_EVENTS_OPEN"
        )
    # Without a public URL, Twilio cannot reach the router: it is tried out.
    if settings.public_url and any(
        token.reveal() == EXAMPLE_AUTH_TOKEN for token in settings.twilio_auth_tokens
    ):
        yield (
            "/twilio accepts requests that are signed by the token of docker-compose.yml, which is"
            " public; set ROUTER_TWILIO_AUTH_TOKENS"
        )
    if roles.operations_port is None:
        yield "metrics and readiness are open on the port of senders; set ROUTER_OPERATIONS_PORT"


def weak_tokens(settings: Settings) -> Iterator[str]:
    """Yield which tokens of operators and viewers can be guessed where other machines may try."""
    if is_loopback(settings.operations_host or settings.host):
        return
    tokens = {
        "ROUTER_ADMIN_TOKEN": settings.admin_token,
        "ROUTER_VIEWER_TOKEN": settings.viewer_token,
    }
    for name, named in tokens.items():
        if any(len(token.secret.reveal()) < SHORTEST for token in named):
            yield (
                f"{name} has fewer than {SHORTEST} characters and can be guessed;"
                " use for example the output of openssl rand -base64 32"
            )
