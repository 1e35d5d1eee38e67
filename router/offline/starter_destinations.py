"""The destinations that ``router init`` writes: an entry for each kind, with the variables it needs."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from router.suggestions import named


class StarterDestination(msgspec.Struct, frozen=True):
    """A destination of a new folder."""

    kind: str
    name: str
    about: str
    """A sentence."""
    config: str
    """The YAML after the kind."""
    variables: Mapping[str, str]
    """The variables in ``config``, each with a sentence about it."""
    pages: bool = False
    """Whether it wakes people, so that only critical alerts go there."""


_ALL: Final = (
    StarterDestination(
        "slack",
        "slack-channel",
        "A channel in Slack, by an incoming webhook.",
        '{webhook_url: "${SLACK_WEBHOOK_URL}"}',
        {"SLACK_WEBHOOK_URL": "The incoming webhook of your Slack app."},
    ),
    StarterDestination(
        "email",
        "mailbox",
        "A mailbox, by your mail server.",
        '{to: ["${ALERT_MAIL_TO}"], from: "${ALERT_MAIL_FROM}", smtp_url: "${SMTP_URL}"}',
        {
            "ALERT_MAIL_TO": "The address that gets the mails.",
            "ALERT_MAIL_FROM": "The sender of the mails, for example Event router <router@example.com>.",
            "SMTP_URL": "Your mail server: smtp+starttls://user:password@mail.example.com:587",
        },
    ),
    StarterDestination(
        "pagerduty",
        "pagerduty-service",
        "A service of PagerDuty, which opens and resolves incidents.",
        '{routing_key: "${PAGERDUTY_ROUTING_KEY}"}',
        {"PAGERDUTY_ROUTING_KEY": "The integration key of an integration of type Events API v2."},
        pages=True,
    ),
    StarterDestination(
        "opsgenie",
        "opsgenie-team",
        "A team in Opsgenie or Jira Service Management.",
        '{api_key: "${OPSGENIE_API_KEY}"}',
        {"OPSGENIE_API_KEY": "The key of an integration of type API."},
        pages=True,
    ),
    StarterDestination(
        "teams",
        "teams-channel",
        "A channel in Microsoft Teams, by a workflow.",
        '{url: "${TEAMS_WORKFLOW_URL}"}',
        {"TEAMS_WORKFLOW_URL": "The URL that the app Workflows shows for the channel."},
    ),
    StarterDestination(
        "http",
        "webhook",
        "A service of your own, by signed JSON over HTTP.",
        '{url: "${WEBHOOK_URL}", signing_secret: "${WEBHOOK_SECRET}"}',
        {
            "WEBHOOK_URL": "The URL of your service.",
            "WEBHOOK_SECRET": "The secret that signs each request, by which your service knows the router.",
        },
    ),
)

STARTER_DESTINATIONS: Final[Mapping[str, StarterDestination]] = {each.kind: each for each in _ALL}
"""The destinations by their kind."""

FIRST_KINDS: Final = ("slack",)
"""The kinds of a folder for which none is chosen."""

_HEAD: Final = """\
# Where alerts go. ${NAME} takes an environment variable, for example from the file .env. The router
# starts when all of them are set; `router dev` prints what it would send without them.
destinations:
"""
_ROUTES: Final = """
# Rules name no destination; the first route that matches an alert decides. Add yours above the last
# one, for example
#   - match: {product: messaging}
#     send_to: [messaging-team]
routes:
"""


def starters_of(kinds: Iterable[str]) -> tuple[StarterDestination, ...]:
    """Return the destinations of these kinds, each once. Raises UnknownNameError."""
    missing = "no destination to begin with has the kind"
    return named(kinds, STARTER_DESTINATIONS, missing=missing)


def destinations_file(taken: Sequence[StarterDestination]) -> str:
    """Return the file with these destinations, and routes to them."""
    entries = [f"  {each.name}:\n    {each.kind}: {each.config}\n" for each in taken]
    quiet = [each.name for each in taken if not each.pages]
    every = ", ".join(each.name for each in taken)
    routes = []
    if quiet and len(quiet) < len(taken):
        routes.append(f"  - match: {{severity: critical}}\n    send_to: [{every}]\n")
    routes.append(f"  - send_to: [{', '.join(quiet) or every}]\n")
    return "".join([_HEAD, *entries, _ROUTES, *routes])
