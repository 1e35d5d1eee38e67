"""Load the rules folder to one frozen Configuration, or raise RulesError with all problems.

Every ``*.yaml`` directly in the folder may have the sections of ``SECTIONS``, which are merged, and the
keys of ``FILE_KEYS``, which apply to their own file. No content of a file raises another exception than
RulesError.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from router.configuration import files
from router.configuration.model import Configuration
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
from router.configuration.readers.suppression import (
    read_inhibition,
    read_mute_time,
    read_silence,
)
from router.configuration.readers.tables import FILE_LIMIT as TABLE_LIMIT
from router.configuration.readers.tables import Table, read_table
from router.configuration.rule_links import linked
from router.configuration.sections import FileKey, Section, SectionItem, Sections, SectionScope
from router.configuration.variables import MissingVariable
from router.configuration.yaml.document import (
    DIAGNOSTICS_LIMIT,
    ListNode,
    MapNode,
    YamlDocument,
    decode_document,
)
from router.destinations.spec import DestinationSpec
from router.errors import Diagnostic, Level, RulesError
from router.rules.index.rule_set import RuleSet
from router.rules.model import Rule
from router.rules.routing import Route
from router.rules.schedules.schedule import Schedule
from router.rules.state.first_of import RuleList
from router.rules.suppression.inhibitions import Inhibition
from router.rules.suppression.mute_times import MuteTime
from router.rules.suppression.silence_check import SilenceScope
from router.rules.suppression.silences import Silence
from router.settings.environment import FROM_FILE
from router.settings.model import PREFIX

_ATTEMPTS: Final = 5
_NAMING_SCHEDULES: Final = ("schedules", "mute_times", "routes", "rules")
"""The sections whose items can name schedules."""
_TABLES_LIMIT: Final = 64 << 20
"""Bytes of all files together; beyond it, no further table is read."""


class ConfigurationSource(msgspec.Struct, frozen=True, kw_only=True):
    """The source of a process's configuration at its start and at each reload."""

    folder: Path
    environ: Mapping[str, str]
    """The values of variables in destinations; read again at each reload."""
    missing: MissingVariable = MissingVariable.ERROR
    """The treatment of variables that are not set."""

    def fingerprint(self) -> files.Fingerprint:
        """Return the current fingerprint of the folder and of the variables' files. Never raises."""
        variables = (Path(self.environ[name]) for name in sorted(self.environ) if _is_file(name))
        return (*files.fingerprint(self.folder), *map(files.file_fingerprint, variables))

    def load(self) -> Configuration:
        """Read a consistent version of the folder.

        Files that change while they are read are read again, because the first could be an old
        version and the second a new one.

        Raises RulesError.
        """
        for _ in range(_ATTEMPTS):
            before = self.fingerprint()
            try:
                configuration = load(self.folder, self.environ, missing=self.missing)
            except RulesError:
                if self.fingerprint() == before:
                    raise
            else:
                if self.fingerprint() == before:
                    return msgspec.structs.replace(configuration, fingerprint=before)
        path = files.printable_path(self.folder)
        raise RulesError([Diagnostic(path, 0, 0, "the files changed while they were read")])


def _is_file(variable: str) -> bool:
    """Return whether a variable may name the file of a destination's variable."""
    return variable.endswith(FROM_FILE) and not variable.startswith(PREFIX)


def _destination(item: SectionItem, scope: SectionScope) -> DestinationSpec | None:
    return read_destination(item.document, item.entry, scope.environ, scope.missing)


def _table(item: SectionItem, scope: SectionScope) -> Table | None:
    return read_table(item.document, item.entry, scope.read_file)


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


def load(
    folder: Path,
    environ: Mapping[str, str],
    *,
    missing: MissingVariable = MissingVariable.ERROR,
    now: float | None = None,
) -> Configuration:
    """Read the rules folder.

    Args:
        folder: The rules folder.
        environ: The values of variables in destinations.
        missing: The treatment of variables that are not set.
        now: Unix seconds, to warn of what has ended; None if it does not matter.

    Raises:
        RulesError: The folder has errors; it carries up to DIAGNOSTICS_LIMIT diagnostics.
    """
    contents = {str(file): files.read_content(file) for file in files.rules_files(folder)}
    return load_contents(contents, folder, environ, missing=missing, now=now)


def load_contents(
    contents: dict[str, bytes | str],
    folder: Path,
    environ: Mapping[str, str],
    *,
    missing: MissingVariable,
    now: float | None = None,
) -> Configuration:
    """Read files of rules as ``load`` does, whose other arguments and errors this has.

    ``contents`` has the bytes of each file by its path, or as text why it cannot be read. Those of
    tables, which are read from ``folder``, are added.
    """
    documents = [
        decode_document(files.printable_path(file), content) for file, content in contents.items()
    ]
    others: dict[str, YamlDocument] = {}

    def read_file(name: str) -> YamlDocument | str:
        if name not in others:
            file = files.sibling_file(folder, name)
            if isinstance(file, str):
                return file
            room = _TABLES_LIMIT - sum(len(each) for each in contents.values())
            contents[str(file)] = content = files.read_content(file, min(TABLE_LIMIT, max(room, 0)))
            if isinstance(content, str):
                return content
            others[name] = decode_document(files.printable_path(file), content)
            documents.append(others[name])
        return others[name]

    scope = SectionScope(environ, missing, read_file, now)
    read = Sections(SECTIONS, documents, FILE_KEYS).read(scope)
    diagnostics = sorted(
        diagnostic for document in documents for diagnostic in document.diagnostics()
    )
    if any(diagnostic.level is Level.ERROR for diagnostic in diagnostics):
        raise RulesError(diagnostics[:DIAGNOSTICS_LIMIT])
    return Configuration(
        rules=RuleSet(
            linked(read["rules"], read["inhibitions"], read["first_of"]),
            firing_only=(
                spec.name
                for spec in read["destinations"]
                if spec.config is not None and not spec.config.send_resolved
            ),
        ),
        silences=tuple(read["silences"]),
        destinations=tuple(read["destinations"]),
        generation=files.generation(contents),
        warnings=tuple(diagnostics[:DIAGNOSTICS_LIMIT]),
    )
