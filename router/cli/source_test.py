"""``router sources test``: what event would come of a request, step by step."""

import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import BinaryIO, Final

import click
import msgspec

from router.cli import command_loop
from router.cli.completion import complete_source
from router.cli.event_file import EventFile
from router.cli.known_names import find_source
from router.cli.output import as_json, echo
from router.cli.redis_commands import CLOCK
from router.cli.request_file import RequestFile, parse_header, read_request_file
from router.cli.rules_folder import folder_or_default, load_rules, preview_environment, rules_option
from router.configuration.model import Configuration
from router.destinations.spec import make_destination
from router.errors import ConfigurationError
from router.events.model import Event
from router.media_types import JSON
from router.offline.explain import Explanation, RuleResult, explain
from router.offline.source_trial import (
    AttributeStep,
    CheckStep,
    ItemStep,
    SourceTester,
    SourceTrial,
    TrialRequest,
)
from router.printable import shortened
from router.settings.model import Settings
from router.sources.mapping import MappingLimits
from router.sources.spec import SourceSpec
from router.timestamps import unix_seconds

_ITEMS_SHOWN: Final = 3
_VALUE_SHOWN: Final = 200
_CODE_FINDINGS: Final = 1


def _headers(
    _context: click.Context, _option: click.Parameter, texts: Sequence[str]
) -> tuple[tuple[str, str], ...]:
    try:
        return tuple(map(parse_header, texts))
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def _time(_context: click.Context, _option: click.Parameter, text: str | None) -> float:
    if text is None:
        return CLOCK.now()
    at = unix_seconds(text)
    if at is None:
        raise click.BadParameter(f"{text!r} is no time: write for example 2026-03-02T14:00:00Z")
    return at


@click.command(name="test")
@click.argument("name", shell_complete=complete_source)
@click.argument("file", type=EventFile())
@rules_option
@click.option(
    "-H", "--header", "headers", multiple=True, callback=_headers, help="'Name: value', repeatable."
)
@click.option(
    "--content-type", default="", help="Header Content-Type.  [default: application/json]"
)
@click.option("--query", default="", help="Query of the URL, without the question mark.")
@click.option("--method", default="", help="Method.  [default: POST]")
@click.option(
    "--url", default="", help="URL that the sender calls.  [default: the path at ROUTER_PUBLIC_URL]"
)
@click.option("--client", default="", help="Address of the sender.")
@click.option("--at", callback=_time, help="Time at which it came, RFC 3339.  [default: now]")
@click.option("--json", "json", is_flag=True, help="Print the steps as JSON.")
def test_source(  # noqa: PLR0913 - a command has as many options as a request has parts
    name: str,
    file: BinaryIO,
    rules: Path | None,
    *,
    headers: tuple[tuple[str, str], ...],
    content_type: str,
    query: str,
    method: str,
    url: str,
    client: str,
    at: float,
    json: bool,
) -> None:
    """Show what event would come of a request, step by step. Nothing is sent.

    FILE has the body of a request, or all of it as HTTP writes it, from "POST /in/… HTTP/1.1" on; "-" is
    standard input. A signature is checked if the request has one and its secret is set here. Exit code
    1: it would be refused, or something of it goes to quarantine.
    """
    configuration = load_rules(folder_or_default(rules))
    spec = find_source(configuration.sources, name)
    settings = Settings.read(os.environ)
    given = read_request_file(file.read(settings.max_body + 1))
    if len(given.body) > settings.max_body:
        raise ConfigurationError(f"the body has more than {settings.max_body} bytes")
    options = RequestFile(body=b"", method=method, query=query, headers=headers)
    request = _request(spec, given, options, content_type)
    public_url = url or _called(settings.public_url, request)
    request = msgspec.structs.replace(request, url=public_url, client=client, at=at)
    trial, events = command_loop.run(_tester(spec, settings).run(request))
    explained = _explained(configuration, events)
    if json:
        click.echo(as_json({"trial": trial, "is_well": trial.is_well, "rules": explained}))
    else:
        _print(trial, spec, explained)
    if not trial.is_well:
        sys.exit(_CODE_FINDINGS)


def _tester(spec: SourceSpec, settings: Settings) -> SourceTester:
    limits = MappingLimits.of(settings)
    return SourceTester(spec, settings.twilio_auth_tokens, limits, CLOCK.new_id)


def _request(
    spec: SourceSpec, given: RequestFile, options: RequestFile, content_type: str
) -> TrialRequest:
    """Return the request of a file, over which options stand."""
    named = {each.lower() for each, _ in options.headers}
    headers = [each for each in given.headers if each[0].lower() not in named]
    headers += options.headers
    has_type = any(each.lower() == "content-type" for each, _ in headers)
    if content_type or not has_type:
        headers = [each for each in headers if each[0].lower() != "content-type"]
        headers.append(("Content-Type", content_type or JSON))
    return TrialRequest(
        method=(options.method or given.method or spec.methods[0]).upper(),
        path=given.path or spec.path,
        query=options.query.removeprefix("?") or given.query,
        headers=tuple(headers),
        body=given.body,
        at=0.0,
    )


def _called(public_url: str, request: TrialRequest) -> str:
    hosts = [value for name, value in request.headers if name.lower() == "host"]
    base = public_url.rstrip("/") or f"https://{hosts[0] if hosts else 'localhost'}"
    return f"{base}{request.path}" + (f"?{request.query}" if request.query else "")


def _explained(configuration: Configuration, events: Iterable[Event]) -> list[Explanation]:
    environment = preview_environment(CLOCK)
    destinations = [make_destination(spec, environment) for spec in configuration.destinations]
    now = CLOCK.now()
    return [explain(each, configuration.rules, destinations, now=now) for each in events]


def _print(trial: SourceTrial, spec: SourceSpec, explained: Sequence[Explanation]) -> None:
    preset = f", preset {spec.preset}" if spec.preset else ""
    echo(f"source {trial.source} at {spec.path}{preset}: {trial.verdict}")
    echo("\nverified by")
    for check in trial.verification:
        _print_check(check)
    if not trial.verification:
        echo("  nothing: anyone can send to it")
    echo(
        f"\nbody\n  {trial.body_bytes} bytes" + (f", {trial.body_kind}" if trial.body_kind else "")
    )
    if trial.problem:
        echo(f"  {trial.problem}")
    if trial.reply is not None:
        echo(f"\nreply\n  {trial.reply.status} {shortened(trial.reply.content, _VALUE_SHOWN)}")
        if trial.reply.visit is not None:
            echo(f"  after a visit of {trial.reply.visit}, which a test does not make")
    if trial.split is not None and not trial.problem and trial.reply is None:
        echo(f"\nsplit\n  {trial.split} -> {len(trial.items)} items")
    _print_items(trial, explained)


def _print_check(check: CheckStep) -> None:
    reason = f": {check.reason}" if check.reason else ""
    echo(f"  {check.verifier}: {check.outcome}{reason}")
    if check.hint:
        echo(f"    {check.hint}")


def _print_items(trial: SourceTrial, explained: Sequence[Explanation]) -> None:
    left = iter(explained)
    for number, item in enumerate(trial.items, 1):
        of_event = next(left, None) if item.event is not None else None
        if number <= _ITEMS_SHOWN:
            echo("\nevent" if trial.split is None else f"\nitem {number}")
            _print_item(item, of_event)
    if len(trial.items) > _ITEMS_SHOWN:
        rest = trial.items[_ITEMS_SHOWN:]
        counts = {
            "become events": sum(each.event is not None for each in rest),
            "are skipped": sum(each.is_skipped for each in rest),
            "go to quarantine": sum(bool(each.reason) for each in rest),
        }
        told = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
        echo(f"\nof {len(rest)} further items {told}; --json has them")


def _print_item(item: ItemStep, explanation: Explanation | None) -> None:
    if item.is_skipped:
        echo("  skipped by the source")
        return
    for step in item.attributes:
        echo(_attribute(step))
    if item.reason:
        echo(f"  to quarantine: {item.reason}")
        return
    echo("")
    for line in as_json(item.event).splitlines():
        echo(f"  {line}")
    if explanation is not None:
        echo("")
        for line in _rules(explanation):
            echo(f"  {line}")


def _attribute(step: AttributeStep) -> str:
    how = "default" if step.expression is None else " ".join(step.expression.split())
    if step.reason:
        value = f"no value: {step.reason}"
    elif step.name == "data":
        value = f"{len(msgspec.json.encode(step.value))} bytes"
    else:
        value = "none" if step.value is None else msgspec.json.encode(step.value).decode()
    return f"  {step.name:<8}{shortened(how, _VALUE_SHOWN)} -> {shortened(value, _VALUE_SHOWN)}"


def _rules(explanation: Explanation) -> Iterable[str]:
    """Yield a line for each rule that names the type of the event, those that match first."""
    for rule in sorted(explanation.rules, key=lambda each: each.result is not RuleResult.MATCHED):
        to = ", ".join(each.destination for each in rule.sendings)
        reason = f": {rule.reason}" if rule.reason else ""
        yield f"rule {rule.rule}: {rule.result}{reason}" + (f", tells {to}" if to else "")
    if not explanation.rules:
        yield f"no rule is for {explanation.event_type}"
