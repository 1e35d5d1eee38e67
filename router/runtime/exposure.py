"""Warnings at start about what other machines reach without credentials."""

import logging
from collections.abc import Iterator

from router.runtime.roles import Roles
from router.settings.model import EventsOpen, Settings, is_loopback

logger = logging.getLogger(__name__)


def warn(settings: Settings, roles: Roles) -> None:
    """Log one warning for each thing that is open on an address that others reach."""
    for message in open_things(settings, roles):
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
    if roles.operations_port is None:
        yield "metrics and readiness are open on the port of senders; set ROUTER_OPERATIONS_PORT"
