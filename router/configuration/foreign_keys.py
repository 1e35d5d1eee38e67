"""Keys that authors know from elsewhere: Alertmanager, Prometheus, Grafana and other kinds.

A key is suggested only where it exists, so that one table serves all maps of the rules folder.
"""

from collections.abc import Collection, Iterable
from typing import Final

from router.suggestions import Synonyms, suggestion

_SAME: Final = Synonyms(
    (("http_config", "webhook_configs", "webhook", "generic", "post"), ("http",)),
    (("url", "hook", "webhook", "endpoint", "address"), ("webhook_url", "url", "to")),
    (("webhook_url",), ("url",)),
    (("api_url",), ("webhook_url", "url")),
    (("within", "duration", "period", "span", "window", "timeout"), ("for", "within", "wait")),
    (("for",), ("within", "wait", "after")),
    (("throttle", "suppress", "silence_for", "debounce"), ("cooldown",)),
    (("repeat_interval", "renotify", "renotify_interval"), ("remind",)),
    (("keep_firing_for", "recovery_window"), ("hold",)),
    (("group_by", "by", "key", "keys"), ("by", "group", "equal")),
    (("group_wait",), ("wait", "group")),
    (("group_interval",), ("interval", "group")),
    (("threshold", "min", "times", "count", "limit"), ("at_least",)),
    (("receivers", "contact_points", "channels", "targets"), ("destinations", "send_to")),
    (
        ("receiver", "destination", "destinations", "notify", "to", "actions", "action", "sendto"),
        ("send_to", "to"),
    ),
    (("route",), ("routes", "send_to")),
    (("matchers", "match_re", "matcher", "match"), ("match", "while")),
    (("expr", "condition", "conditions", "if", "where", "filter", "query"), ("when",)),
    (("groups", "alerts", "rule"), ("rules",)),
    (("alert", "id", "rule", "title"), ("name",)),
    (("annotations", "message", "title", "text", "subject"), ("summary", "subject")),
    (("runbook", "runbook_url", "comment", "note"), ("description", "comment")),
    (("priority", "level", "urgency"), ("severity",)),
    (("event", "event_type", "event_types", "type", "types", "on"), ("events", "event")),
    (("enabled", "disabled", "dry_run", "active"), ("mode",)),
    (("tags", "label"), ("labels",)),
    (("vars", "variables", "define", "with"), ("let",)),
    (("missing", "deadman", "heartbeat", "no_data"), ("absent",)),
    (("recovery", "recover", "clear", "resolved", "auto_resolve"), ("resolve",)),
    (("escalation", "escalations"), ("escalate",)),
    (("inhibit_rules", "inhibit", "inhibition"), ("inhibitions",)),
    (("source_match", "source_matchers", "source"), ("while", "from")),
    (("target_match", "target_matchers", "target"), ("hold_back",)),
    (
        ("time_intervals", "mute_time_intervals", "maintenance", "mute", "quiet_hours"),
        ("mute_times",),
    ),
    (("location", "timezone", "tz", "time-zone"), ("time_zone",)),
    (("weekdays", "weekday"), ("days",)),
    (("start", "startsat", "start_time", "begins"), ("starts", "from")),
    (("end", "endsat", "end_time", "until"), ("ends", "to")),
    (("createdby", "created_by", "user", "who"), ("author",)),
    (("lookup", "column"), ("from",)),
    (("default", "fallback", "else"), ("otherwise",)),
    (("email_configs", "mail", "smtp", "e-mail"), ("email",)),
    (("service_key", "integration_key"), ("routing_key",)),
    (("smarthost", "smtp_host", "smtp_server", "host", "server"), ("smtp_url",)),
    (("auth_token", "bot_token", "access_token"), ("token",)),
    (("slack_configs",), ("slack",)),
    (("pagerduty_configs",), ("pagerduty", "apprise")),
    (("opsgenie_configs",), ("opsgenie", "apprise")),
    (("msteams", "msteams_configs", "msteamsv2_configs", "microsoft_teams"), ("teams", "apprise")),
    (
        (
            "teams",
            "pagerduty",
            "opsgenie",
            "discord",
            "telegram",
            "sms",
            "twilio",
            "webex",
            "pushover",
        ),
        ("apprise",),
    ),
    (("regex", "regexp", "re", "pattern", "=~", "~", "like"), ("matches",)),
    (("starts_with", "startswith", "begins_with"), ("prefix",)),
    (("ends_with", "endswith"), ("suffix",)),
    (("contains", "includes"), ("substring",)),
    (("eq", "equals", "is", "="), ("==",)),
    (("ne", "neq", "not", "is_not", "<>"), ("!=",)),
    (("one_of", "any_of"), ("in",)),
    (("console", "log", "stdout", "file", "debug"), ("capture",)),
)
"""Our keys with the meaning of another key, the best first."""

_SECTION: Final = "it is a section of the file, beside rules"
_OF_RULES: Final[dict[str, str]] = {
    "for": "write pending:, or within in count:, or for in absent:",
    **dict.fromkeys(("hold", "keep_firing_for"), "write it in resolve: (hold)"),
    "back": "write it in resolve:, or in ratio:, measure: or spike:",
    "expected": "write it in absent:",
    **dict.fromkeys(("distinct", "in_a_row", "broken_by", "keep"), "write it in count:"),
    **dict.fromkeys(
        ("during", "outside", "active_time_intervals"),
        "write it in an item of send_to: {to: …, during: …}",
    ),
    "when_over": "write it in silences or mute_times, the sections of the file",
    "until_resolved": "write it in silences, the section of the file",
    "schedules": f"{_SECTION}; name one in send_to: {{to: …, during: …}}",
    **dict.fromkeys(("first_of", "silences", "inhibitions", "defaults"), _SECTION),
}
"""Keys that a rule does not have itself, and where they are written."""


def key_hint(key: str, known: Iterable[str]) -> str:
    """Return which of the ``known`` keys an unknown key probably stands for, or all of them."""
    names = list(known)
    if _is_elsewhere(key, names):
        return _OF_RULES[key]
    meant = meant_key(key, names)
    return f'did you mean "{meant}"?' if meant else suggestion(key, names)


def meant_key(key: str, known: Iterable[str]) -> str:
    """Return which of the ``known`` keys an unknown key probably stands for; ``""`` if none."""
    names = list(known)
    if _is_elsewhere(key, names):
        return ""
    return _SAME.meant(key, names)


def _is_elsewhere(key: str, names: Collection[str]) -> bool:
    """Return whether a key of a rule is written in another place."""
    return "absent" in names and key in _OF_RULES
