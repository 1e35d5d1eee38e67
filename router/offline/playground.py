"""Edited rules tried with one event: findings, verdicts and messages. Stores and sends nothing.

The text is read as a file of the rules folder: beside the others, or in place of one of them. An item
with a name, such as a rule, replaces the item of that name in the other files. No variable has a
value, so that no message has a secret, and destinations with variables are previewed with stand-ins.

Rules may name files (``tls:``), and some take long. ``playground_process`` therefore evaluates what
strangers to the machine have written.
"""

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from router.configuration import files
from router.configuration.load import load_contents
from router.configuration.model import Configuration
from router.configuration.rule_texts import item_names, without_items
from router.configuration.variables import MissingVariable
from router.destinations.contract import Environment
from router.destinations.rendering.summary import summary
from router.destinations.rendering.templates import TemplateTarget
from router.destinations.spec import make_destination
from router.errors import Diagnostic, EventError, RulesError
from router.events.decode import decode_strictly
from router.events.model import Event, document
from router.offline.explain import Explanation, explain
from router.settings.choices import Egress
from router.worker.evaluation.fan_out import raise_alert

RULES_LIMIT: Final = 64 * 1024
"""Bytes of the edited text."""
EVENT_LIMIT: Final = 256 * 1024
"""Bytes of the event."""
FILE: Final = "playground.yaml"
"""The name of the edited text that replaces no file."""
_FINDINGS: Final = 100
_RULES_SHOWN: Final = 50
"""Rules whose explanation is returned."""
_SENDINGS_SHOWN: Final = 10
"""Messages of one rule that are returned."""


class PlaygroundInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Rules to try, and an event to try them with."""

    rules: Annotated[str, Meta(description=f"A rules file in YAML, at most {RULES_LIMIT} bytes.")]
    event: Annotated[
        str,
        Meta(
            description=f"A CloudEvent as JSON text, at most {EVENT_LIMIT} bytes; empty for none, so"
            " that the rules are only checked."
        ),
    ] = ""
    file: Annotated[
        str,
        Meta(
            description="Name of the file of the rules folder that the text replaces; empty to read it"
            " beside the other files, whose rules of the same name it replaces."
        ),
    ] = ""
    alone: Annotated[
        bool, Meta(description="Read the text without the other files of the rules folder.")
    ] = False


class PlaygroundResult(msgspec.Struct, frozen=True, kw_only=True):
    """The findings about the rules, and their verdicts on the event."""

    findings: Annotated[
        tuple[Diagnostic, ...], Meta(description="As `router check` reports them, errors first.")
    ] = ()
    is_valid: Annotated[bool, Meta(description="Whether the rules have no error.")] = False
    unset: Annotated[
        dict[str, tuple[str, ...]],
        Meta(description="The variables of destinations, which have no value here."),
    ] = {}
    event_problem: Annotated[
        str, Meta(description="Why the event would be rejected; empty if it would not.")
    ] = ""
    explanation: Annotated[
        Explanation | None, Meta(description="Null if the rules have errors, or there is no event.")
    ] = None
    left_out: Annotated[
        int, Meta(description="Rules that match the type and are not explained here.")
    ] = 0
    template_errors: Annotated[
        dict[str, str],
        Meta(description="Why the summary of a rule failed, so that it has the plain form."),
    ] = {}


def evaluate(given: PlaygroundInput, folder: Path | None, *, now: float) -> PlaygroundResult:
    """Read the rules and evaluate the event by those that the edited text has.

    Args:
        given: The edited text and the event.
        folder: The rules folder; None if this process has none.
        now: Unix time in seconds.
    """
    try:
        configuration = _load(given, None if given.alone else folder, now)
    except RulesError as error:
        shown = tuple(_shown(error.diagnostics, given.file or FILE))
        return PlaygroundResult(findings=shown, event_problem=_event_problem(given, now))
    shown = tuple(_shown(configuration.warnings, given.file or FILE))
    unset = {
        spec.name: spec.missing_variables
        for spec in configuration.destinations
        if spec.missing_variables
    }
    result = PlaygroundResult(findings=shown, is_valid=True, unset=unset)
    if not given.event.strip():
        return result
    if problem := _event_problem(given, now):
        return msgspec.structs.replace(result, event_problem=problem)
    return _explained(result, given, configuration, now)


def _load(given: PlaygroundInput, folder: Path | None, now: float) -> Configuration:
    name = given.file or FILE
    contents: dict[str, bytes | str] = {}
    if folder is not None:
        names = {} if given.file else item_names(given.rules)
        for path in files.rules_files(folder):
            content = files.read_content(path)
            if isinstance(content, bytes):
                content = without_items(content, names)
            if content:
                contents[files.printable_path(path.name)] = content
    contents[name] = given.rules.encode()
    return load_contents(contents, folder or Path(), {}, missing=MissingVariable.KEEP, now=now)


def _shown(findings: Sequence[Diagnostic], file: str) -> Iterator[Diagnostic]:
    """Yield findings, those of the edited file first; lines of other files may have secrets."""
    mine = [each for each in findings if each.file == file]
    others = [msgspec.structs.replace(each, source="") for each in findings if each.file != file]
    yield from (*mine, *others)[:_FINDINGS]


def _event_problem(given: PlaygroundInput, now: float) -> str:
    if not given.event.strip():
        return ""
    try:
        decoded = decode_strictly(given.event.encode(), received_at=now, max_events=1)
    except EventError as error:
        return f"{error.message} at {error.path}" if error.path else error.message
    return "" if decoded else "the list is empty: paste one event"


def _explained(
    result: PlaygroundResult, given: PlaygroundInput, configuration: Configuration, now: float
) -> PlaygroundResult:
    event = decode_strictly(given.event.encode(), received_at=now, max_events=1)[0]
    environment = Environment(
        egress=Egress.PUBLIC, now=lambda: now, on_template_error=lambda _line: None
    )
    destinations = [make_destination(spec, environment) for spec in configuration.destinations]
    explanation = explain(event, configuration.rules, destinations, now=now)
    edited = item_names(given.rules).get("rules", frozenset())
    mine = [each for each in explanation.rules if each.rule in edited]
    rules = tuple(
        msgspec.structs.replace(each, sendings=each.sendings[:_SENDINGS_SHOWN])
        for each in mine[:_RULES_SHOWN]
    )
    return msgspec.structs.replace(
        result,
        explanation=msgspec.structs.replace(
            explanation,
            rules=rules,
            # A sentence begins with the name of its rule.
            endings=tuple(each for each in explanation.endings if each.partition(":")[0] in edited),
            other_rules=len(edited) - len(mine),
        ),
        left_out=len(mine) - len(rules),
        template_errors=_template_errors(event, configuration, [each.rule for each in rules], now),
    )


def _template_errors(
    event: Event, configuration: Configuration, names: Collection[str], now: float
) -> dict[str, str]:
    content = document(event)
    found = {
        rule.name: summary(raise_alert(event, content, rule, now=now), TemplateTarget.TEXT).error
        for rule in configuration.rules.rules
        if rule.name in names
    }
    return {name: error for name, error in found.items() if error}
