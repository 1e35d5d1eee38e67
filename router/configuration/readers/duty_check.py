"""Report rules and routes of which, at some hour, no destination is on duty."""

from collections.abc import Iterable

from router.configuration.yaml.document import Node, YamlDocument
from router.rules.routing import Recipient, Route, ScheduledRecipient
from router.rules.schedules.coverage import Gap, first_gap

_HINT = "add a destination without during and outside, or one for these hours"


def report_gap(document: YamlDocument, node: Node, recipients: Iterable[Recipient]) -> None:
    """Report it at the node if at some hour none of the recipients is on duty."""
    gap = _gap(tuple(recipients))
    if gap is not None:
        document.report(node.span, f"send_to: no destination is on duty {gap.words}", _HINT)


def report_rule_gap(
    document: YamlDocument, node: Node, rule: str, recipients: Iterable[Recipient]
) -> None:
    """Report it at the node if at some hour no route sends the alerts of a rule anywhere."""
    gap = _gap(tuple(recipients))
    if gap is not None:
        message = f'no destination of alerts of rule "{rule}" is on duty {gap.words}'
        document.report(node.span, message, "add a route without continue: for these hours")


def recipients_with(route: Route, earlier: Iterable[Route]) -> tuple[Recipient, ...]:
    """Return the recipients of a route, and of those above it that have all of its alerts too."""
    above = (each for each in earlier if each.goes_on and each.takes_all_of(route))
    return (*route.recipients, *(each for one in above for each in one.recipients))


def _gap(recipients: tuple[Recipient, ...]) -> Gap | None:
    scheduled = [each for each in recipients if isinstance(each, ScheduledRecipient)]
    if not recipients or len(scheduled) < len(recipients):
        return None
    return first_gap(tuple(dict.fromkeys(each.duty for each in scheduled)))
