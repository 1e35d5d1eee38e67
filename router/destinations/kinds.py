"""The kinds of destinations, a line each."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from router.destinations.apprise import AppriseConfig, AppriseDestination
from router.destinations.capture import CaptureConfig, CaptureDestination
from router.destinations.contract import Destination, DestinationConfig, Environment
from router.destinations.email import EmailDestination
from router.destinations.email_config import EmailConfig
from router.destinations.http import HttpDestination
from router.destinations.http_config import HttpConfig
from router.destinations.opsgenie import OpsgenieConfig, OpsgenieDestination
from router.destinations.pagerduty import PagerDutyConfig, PagerDutyDestination
from router.destinations.rendering import jinja_adapter
from router.destinations.slack import SlackDestination
from router.destinations.slack_config import SlackConfig
from router.destinations.teams import TeamsConfig, TeamsDestination


class DestinationKind(msgspec.Struct, frozen=True):
    """How a kind is configured and built."""

    config: type[DestinationConfig]
    build: Callable[[str, Any, Environment], Destination]
    """Takes the destination's name, its configuration and the environment."""


KINDS: Final[Mapping[str, DestinationKind]] = {
    "slack": DestinationKind(SlackConfig, SlackDestination),
    "email": DestinationKind(EmailConfig, EmailDestination),
    "http": DestinationKind(HttpConfig, HttpDestination),
    "pagerduty": DestinationKind(PagerDutyConfig, PagerDutyDestination),
    "opsgenie": DestinationKind(OpsgenieConfig, OpsgenieDestination),
    "teams": DestinationKind(TeamsConfig, TeamsDestination),
    "apprise": DestinationKind(AppriseConfig, AppriseDestination),
    "capture": DestinationKind(CaptureConfig, CaptureDestination),
}
"""The kinds by the key under which the rules folder configures them."""


def build(name: str, config: DestinationConfig, environment: Environment) -> Destination:
    """Return the destination that ``config`` describes, not yet open."""
    jinja_adapter.warn_once()
    kind = next(kind for kind in KINDS.values() if type(config) is kind.config)
    return kind.build(name, config, environment)
