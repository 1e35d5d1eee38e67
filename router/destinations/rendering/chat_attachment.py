"""An alert as a message of Mattermost or Rocket.Chat, which read Slack's older form (pure).

Both take ``text`` and ``attachments`` with ``fields``, read Markdown and have no Block Kit.
Sources: Mattermost, "Incoming webhooks" and "Message attachments"; Rocket.Chat, "Integrations",
section on incoming webhook scripts.
"""

from collections.abc import Mapping
from typing import Any, Final

from router.alerts import Alert, Delivery
from router.destinations.contract import Links
from router.destinations.rendering.escapes import markdown
from router.destinations.rendering.notes import (
    below_title,
    labelled_links,
    members,
    notes,
    status_line,
    title,
)
from router.destinations.rendering.summary import Summary, facts
from router.destinations.rendering.templates import TemplateTarget
from router.destinations.rendering.text import cut, one_line

TEXT_LIMIT: Final = 3500
"""Characters of a text without its links: with them it is below 4,000, the lowest default."""
_DESCRIPTION_LIMIT: Final = 1000


def attachment_message(
    delivery: Delivery, line: Summary, event: Mapping[str, Any], links: Links
) -> dict[str, Any]:
    """Return the message, as the body of an incoming webhook.

    Args:
        delivery: The delivery.
        line: The alert's summary for TemplateTarget.MARKDOWN.
        event: The alert's event, decoded.
        links: The alert's links.
    """
    alert = delivery.alert
    status = status_line(alert)
    text = below_title(alert, line.text, TemplateTarget.MARKDOWN)
    heading = f"{status.sign} **{markdown(title(alert))}**: {text}"
    fields = [
        {"title": markdown(fact.label), "value": markdown(fact.value), "short": True}
        for fact in facts(alert, event)
    ]
    return {
        "text": cut(heading, TEXT_LIMIT),
        "attachments": [
            {
                "color": status.colour,
                "fallback": cut(heading, TEXT_LIMIT),
                "text": _text(alert, links, event),
                "fields": fields,
                "footer": f"Delivery {delivery.id}",
            }
        ],
    }


def _text(alert: Alert, links: Links, event: Mapping[str, Any]) -> str:
    found = [
        markdown(" ".join(notes(alert))),
        markdown(one_line(alert.description, _DESCRIPTION_LIMIT)),
        "\n".join(f"- {markdown(line)}" for line in members(alert)),
    ]
    text = cut("\n\n".join(each for each in found if each), TEXT_LIMIT)
    last = " · ".join(f"[{label}]({url})" for label, url in labelled_links(alert, links, event))
    return f"{text}\n\n{last}" if text and last else text or last
