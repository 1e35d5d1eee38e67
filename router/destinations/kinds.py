"""Which kinds there are: a line each."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from router.destinations.apprise import AppriseConfig, AppriseDestination
from router.destinations.capture import CaptureConfig, CaptureDestination
from router.destinations.contract import Destination, DestinationConfig, Environment
from router.destinations.email import EmailConfig, EmailDestination
from router.destinations.http import HttpConfig, HttpDestination
from router.destinations.slack import SlackConfig, SlackDestination


class DestinationKind(msgspec.Struct, frozen=True):
    """How a kind is written in the rules folder, and how it is made."""

    config: type[DestinationConfig]
    build: Callable[[str, Any, Environment], Destination]


KINDS: Final[Mapping[str, DestinationKind]] = {
    "slack": DestinationKind(SlackConfig, SlackDestination),
    "email": DestinationKind(EmailConfig, EmailDestination),
    "http": DestinationKind(HttpConfig, HttpDestination),
    "apprise": DestinationKind(AppriseConfig, AppriseDestination),
    "capture": DestinationKind(CaptureConfig, CaptureDestination),
}


def build(name: str, config: DestinationConfig, environment: Environment) -> Destination:
    """The destination that ``config`` describes, not yet open."""
    kind = next(kind for kind in KINDS.values() if type(config) is kind.config)
    return kind.build(name, config, environment)
