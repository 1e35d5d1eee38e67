"""The sections of a rules folder, and how an item of each is read.

A section's reader can use the values of the sections before it.
"""

from collections.abc import Mapping
from typing import Final

from router.configuration.readers.destinations import read_destination
from router.configuration.readers.duty_check import recipients_with, report_gap
from router.configuration.readers.features import MuteTimes
from router.configuration.readers.resolving import warn_of_unresolved
from router.configuration.readers.route_check import (
    label_values,
    warn_of_rules,
    warn_of_unreachable,
    warn_of_values,
)
from router.configuration.readers.route_match import MatchScope
from router.configuration.readers.routes import SendToScope, read_route
from router.configuration.readers.rule_defaults import DEFAULTS, apply_defaults
from router.configuration.readers.rule_lists import read_rule_list
from router.configuration.readers.rules import RuleReader
from router.configuration.readers.schedules import ScheduleReader, Schedules, named_schedules
from router.configuration.readers.sources import read_source
from router.configuration.readers.suppression import (
    read_inhibition,
    read_mute_time,
    read_silence,
)
from router.configuration.readers.tables import Table, read_table
from router.configuration.sections import FileKey, Section, SectionItem, SectionScope
from router.configuration.yaml.document import (
    ListNode,
    MapNode,
)
from router.destinations.spec import DestinationSpec
from router.rules.model import Rule
from router.rules.routing import Route
from router.rules.schedules.schedule import Schedule
from router.rules.state.first_of import RuleList
from router.rules.suppression.inhibitions import Inhibition
from router.rules.suppression.mute_times import MuteTime
from router.rules.suppression.silence_check import SilenceScope
from router.rules.suppression.silences import Silence
from router.sources.spec import SourceSpec

SOURCES: Final = "sources"
"""The section that ingress reads."""
_NAMING_SCHEDULES: Final = ("schedules", "mute_times", "routes", "rules")
"""The sections whose items can name schedules."""


def _destination(item: SectionItem, scope: SectionScope) -> DestinationSpec | None:
    return read_destination(item.document, item.entry, scope.environ, scope.missing)


def _table(item: SectionItem, scope: SectionScope) -> Table | None:
    return read_table(item.document, item.entry, scope.read_file)


def _source(item: SectionItem, scope: SectionScope) -> SourceSpec | None:
    paths: dict[str, str] = scope.memo.setdefault("source_paths", {})
    missing = scope.missing_in_sources
    return read_source(item.document, item.entry, scope.environ, missing, paths)


def _route(item: SectionItem, scope: SectionScope) -> Route | None:
    match_scope = MatchScope(_labels(scope), scope.names["rules"])
    route = read_route(item.document, item.node, _send_to_scope(scope), match_scope, item.number)
    if "label_values" not in scope.memo:
        scope.memo["label_values"] = label_values(scope.items["rules"])
    earlier: list[Route] = scope.memo.setdefault("earlier_routes", [])
    if route is not None:
        warn_of_unreachable(item, route, earlier)
        send_to = item.node.get("send_to") if isinstance(item.node, MapNode) else None
        if send_to is not None and not route.goes_on:
            report_gap(item.document, send_to, recipients_with(route, earlier))
        if scope.names["rules"] is not None:
            warn_of_values(item, route, scope.memo["label_values"])
            warn_of_rules(item, route, scope.names["rules"])
        earlier.append(route)
    return route


def _labels(scope: SectionScope) -> set[str] | None:
    """Return the labels that the rules define; None if there may be others."""
    if scope.names["rules"] is None:
        return None
    if "labels" not in scope.memo:
        rules = (
            item.node.get("labels")
            for item in scope.items["rules"]
            if isinstance(item.node, MapNode)
        )
        scope.memo["labels"] = {
            entry.key.text
            for labels in rules
            if isinstance(labels, MapNode)
            for entry in labels.entries
        }
    labels: set[str] = scope.memo["labels"]
    return labels


def _rule(item: SectionItem, scope: SectionScope) -> Rule | None:
    routes = scope.values["routes"] if scope.is_complete["routes"] else None
    mute_times = MuteTimes(
        scope.names["mute_times"],
        {each.name: each for each in scope.values["mute_times"]},
        scope.names["schedules"] or (),
    )
    rule = RuleReader(item.document, _send_to_scope(scope), routes, mute_times).read(item.node)
    if rule is not None and isinstance(item.node, MapNode):
        warn_of_unresolved(item.document, item.node, rule, _resolve_problems(scope))
    return rule


def _resolve_problems(scope: SectionScope) -> dict[str, str]:
    """Return why a destination cannot resolve, by its name, for those that cannot."""
    if "resolve_problems" not in scope.memo:
        specs: list[DestinationSpec] = scope.values["destinations"]
        found = {spec.name: spec.config.resolve_problem for spec in specs if spec.config}
        scope.memo["resolve_problems"] = {name: text for name, text in found.items() if text}
    problems: dict[str, str] = scope.memo["resolve_problems"]
    return problems


def _send_to_scope(scope: SectionScope) -> SendToScope:
    """Return the destinations and tables that ``send_to`` can name."""
    names = scope.names["tables"]
    valid = {table.name: table for table in scope.values["tables"]}
    tables = None if names is None else {name: valid.get(name) for name in names}
    return SendToScope(scope.names["destinations"], tables, _schedules(scope))


def _schedule(item: SectionItem, scope: SectionScope) -> Schedule | None:
    if "schedule_reader" not in scope.memo:
        scope.memo["schedule_reader"] = ScheduleReader(
            scope.items["schedules"], scope.names["schedules"]
        )
        naming = [scope.items[name] for name in _NAMING_SCHEDULES]
        nodes = (each.node for items in naming for each in items)
        scope.memo["schedules_used"] = set(named_schedules(nodes))
    reader: ScheduleReader = scope.memo["schedule_reader"]
    is_complete = all(scope.names[name] is not None for name in _NAMING_SCHEDULES)
    if is_complete and item.entry.key.text not in scope.memo["schedules_used"]:
        message = f'the schedule "{item.entry.key.text}" is used by no rule, route or mute time'
        item.document.warn(
            item.entry.key.span, message, "remove it, or name it by during: or outside:"
        )
    read = reader.read(item)
    if read is not None and read.is_always_on:
        hint = "it has no effect: name a destination without during: or outside:"
        item.document.warn(item.entry.key.span, f'the schedule "{read.name}" is always on', hint)
    return read


def _schedules(scope: SectionScope) -> Schedules:
    """Return the schedules that rules, routes and mute times can name."""
    return Schedules(
        scope.names["schedules"], {each.name: each for each in scope.values["schedules"]}
    )


def _mute_time(item: SectionItem, scope: SectionScope) -> MuteTime | None:
    read = read_mute_time(item.document, item.entry, _schedules(scope))
    if read is not None and read.is_always_on:
        hint = "use `mode: shadow` for rules that notify no destination"
        item.document.warn(item.entry.key.span, "this mute time mutes at every time", hint)
    return read


def _inhibition(item: SectionItem, scope: SectionScope) -> Inhibition | None:
    if "events" not in scope.memo:
        scope.memo["events"] = {rule.name: rule.events for rule in scope.values["rules"]}
    inhibited: dict[str, set[str]] = scope.memo.setdefault("inhibited", {})
    events = scope.memo["events"]
    return read_inhibition(item.document, item.node, scope.names["rules"], events, inhibited)


def _silence(item: SectionItem, scope: SectionScope) -> Silence | None:
    rules = _rules_by_name(scope) if scope.is_complete["rules"] else None
    names = SilenceScope(scope.names["rules"], _labels(scope))
    return read_silence(item.document, item.node, names, rules, scope.now)


def _rule_list(item: SectionItem, scope: SectionScope) -> RuleList | None:
    taken: dict[str, str] = scope.memo.setdefault("listed_rules", {})
    rules = _rules_by_name(scope)
    return read_rule_list(item.document, item.node, scope.names["rules"], rules, taken)


def _rules_by_name(scope: SectionScope) -> Mapping[str, Rule]:
    """Return the valid rules, for the sections that name rules."""
    if "rules_by_name" not in scope.memo:
        scope.memo["rules_by_name"] = {rule.name: rule for rule in scope.values["rules"]}
    found: Mapping[str, Rule] = scope.memo["rules_by_name"]
    return found


SECTIONS: Final = (
    Section(
        name="destinations",
        noun="destination",
        kind=MapNode,
        wanted="a map of names and kinds",
        limit=1000,
        read=_destination,
    ),
    Section(
        name=SOURCES,
        noun="source",
        kind=MapNode,
        wanted="a map of names and senders",
        limit=200,
        read=_source,
    ),
    Section(
        name="schedules",
        noun="schedule",
        kind=MapNode,
        wanted="a map of names and times",
        limit=1000,
        read=_schedule,
    ),
    Section(
        name="mute_times",
        noun="mute time",
        kind=MapNode,
        wanted="a map of names and calendars",
        limit=1000,
        read=_mute_time,
    ),
    Section(
        name="tables",
        noun="table",
        kind=MapNode,
        wanted="a map of names and tables",
        limit=100,
        read=_table,
    ),
    Section(name="routes", noun="route", kind=ListNode, wanted="a list", limit=1000, read=_route),
    Section(name="rules", noun="rule", kind=ListNode, wanted="a list", limit=20_000, read=_rule),
    Section(
        name="first_of",
        noun="list",
        kind=ListNode,
        wanted="a list of lists of rules",
        limit=1000,
        read=_rule_list,
        may_be_one=True,
    ),
    Section(
        name="inhibitions",
        noun="inhibition",
        kind=ListNode,
        wanted="a list",
        limit=1000,
        read=_inhibition,
    ),
    Section(
        name="silences", noun="silence", kind=ListNode, wanted="a list", limit=1000, read=_silence
    ),
)
"""All sections in reading order: each can use the values of those before it.

A new section needs an entry here and a field of Configuration.
"""

FILE_KEYS: Final = (FileKey(name=DEFAULTS, apply=apply_defaults),)
"""The keys of a file beside its sections."""
