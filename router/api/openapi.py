"""The OpenAPI descriptions of all routes of this package."""

from typing import Final

from router.api import (
    alert_messages,
    alert_page,
    audit,
    dead_letters,
    delivery_discarding,
    delivery_list,
    destinations,
    event_list,
    keyed_alerts,
    message_testing,
    playground,
    quarantine,
    reload,
    rule_events,
    rules,
    silences,
    source_list,
    stats,
    twilio_tests,
)

OPERATIONS: Final = (
    *alert_page.OPERATIONS,
    *keyed_alerts.OPERATIONS,
    *event_list.OPERATIONS,
    *delivery_list.OPERATIONS,
    *delivery_discarding.OPERATIONS,
    *playground.OPERATIONS,
    *alert_messages.OPERATIONS,
    *reload.OPERATIONS,
    *rules.OPERATIONS,
    *rule_events.OPERATIONS,
    *destinations.OPERATIONS,
    *message_testing.OPERATIONS,
    *dead_letters.OPERATIONS,
    *quarantine.OPERATIONS,
    *silences.OPERATIONS,
    *source_list.OPERATIONS,
    *audit.OPERATIONS,
    *stats.OPERATIONS,
    *twilio_tests.OPERATIONS,
)
