"""Options and errors that the commands on history share."""

from collections.abc import Callable
from typing import Any, Final, TypeVar

import click

from router.api.requests import BadRequestError
from router.cli.completion import complete_rule
from router.errors import ConfigurationError

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])

_TIMES: Final = (
    click.option("--older-than", metavar="AGE", default="", help="Minimum age, such as 30m."),
    click.option("--newer-than", metavar="AGE", default="", help="Maximum age, such as 1d."),
    click.option("--since", metavar="TIME", default="", help="First time, RFC 3339."),
    click.option("--until", metavar="TIME", default="", help="Last time, RFC 3339."),
)
_EVENTS: Final = (
    click.option(
        "--type", "type", multiple=True, help="Event type, or its begin and a *; may be repeated."
    ),
    click.option("--source", default="", help="Source, exact."),
    click.option(
        "--outcome",
        multiple=True,
        help="matched, filtered, suppressed, duplicate or quarantined; may be repeated.",
    ),
    click.option(
        "--rule", default="", shell_complete=complete_rule, help="Name of a rule that matched."
    ),
    click.option("--text", default="", help="Text in the event; ignores case."),
)
json_option = click.option("--json", "json_wanted", is_flag=True, help="Print JSON.")
after_option = click.option(
    "--after", default="", metavar="CURSOR", help="Begin where the last page ended."
)
limit_option = click.option(
    "--limit", default=50, show_default=True, type=click.IntRange(1, 100_000)
)


def time_options(command: F) -> F:
    """Add the options of times to a command."""
    for option in reversed(_TIMES):
        command = option(command)
    return command


def event_options(command: F) -> F:
    """Add the filters on events to a command."""
    for option in reversed((*_EVENTS, *_TIMES)):
        command = option(command)
    return command


def checked(make: Callable[[], T]) -> T:
    """Return what ``make`` returns; a filter that is wrong is named as the option it came from.

    Raises:
        ConfigurationError: An option is wrong.
    """
    try:
        return make()
    except BadRequestError as error:
        name, colon, rest = str(error).partition(": ")
        option = f"--{name.replace('_', '-')}" if colon else name
        raise ConfigurationError(f"{option}{colon}{rest}") from None
    except ValueError as error:
        raise ConfigurationError(f"--after: {error}") from None
