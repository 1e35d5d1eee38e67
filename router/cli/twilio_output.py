"""Output of ``router twilio``, and the environment of its calls."""

import sys
from collections.abc import Iterable, Sequence
from typing import Final

import click

from router.cli.output import as_json, can_move_cursor, echo, has_color
from router.cli.redis_commands import CLOCK
from router.client.twilio_advice import Advice
from router.client.twilio_connection import ConnectStep
from router.client.twilio_resources import TwilioCall
from router.destinations.contract import Environment
from router.printable import printable_lines
from router.settings.choices import Egress
from router.settings.model import Settings

_MASK: Final = "***"


def twilio_environment(settings: Settings) -> Environment:
    """Return the environment of calls to Twilio, whose hosts the operator sets, not a rules file."""
    return Environment(
        egress=Egress.OPEN,
        now=CLOCK.now,
        on_template_error=lambda _: None,
        proxy=settings.proxy,
        no_proxy=settings.no_proxy,
    )


class StepPrinter:
    """Prints steps as they are done, with ✓ and ✗ on a terminal.

    Args:
        err: Whether to print to standard error, because standard output has JSON.
    """

    def __init__(self, *, err: bool) -> None:
        self._err = err
        stream = sys.stderr if err else sys.stdout
        self._has_marks = can_move_cursor(stream)
        self._has_color = has_color(stream)

    def step(self, step: ConnectStep) -> None:
        """Print a step."""
        if step.is_note:
            self._print("·", "", step.text, "")
        elif step.is_ok:
            self._print("✓", "", step.text, "green")
        else:
            self._print("✗", "failed: ", step.text, "red")

    def failure(self, advice: Advice, exists: Iterable[str]) -> None:
        """Print what is wrong, what to do, and what exists by now."""
        self.step(ConnectStep(text=advice.problem, is_ok=False))
        self.line(f"  {advice.remedy}")
        self.exists(exists)

    def exists(self, exists: Iterable[str]) -> None:
        """Print what exists by now, if anything does."""
        if listed := ", ".join(exists):
            self.line(f"  Exists now: {listed}. The same command goes on from there.")

    def line(self, text: str) -> None:
        """Print a line."""
        echo(text, err=self._err)

    def _print(self, mark: str, word: str, text: str, color: str) -> None:
        if not self._has_marks:
            echo(f"{word}{text}", err=self._err)
            return
        styled = click.style(mark, fg=color) if self._has_color and color else mark
        click.echo(f"{styled} {printable_lines(text)}", err=self._err)


def print_calls(calls: Sequence[TwilioCall], base_url: str, *, json: bool) -> None:
    """Print calls with their fields, one to a line, without secrets."""
    if json:
        shown = [
            {
                "method": call.method,
                "url": f"{base_url}{call.path}",
                "form": [[name, _masked(value, call)] for name, value in call.form],
            }
            for call in calls
        ]
        click.echo(as_json({"calls": shown}))
        return
    for call in calls:
        echo(f"{call.method} {base_url}{call.path}")
        for name, value in call.form:
            echo(f"    {name}={_masked(value, call)}")


def _masked(value: str, call: TwilioCall) -> str:
    for secret in call.secrets:
        value = value.replace(secret.reveal(), _MASK)
    return value
