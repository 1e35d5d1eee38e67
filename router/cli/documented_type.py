"""A documented event type as the argument of a command."""

from typing import Any

import click
from click.shell_completion import CompletionItem

from router.events.schemas import KNOWN_TYPES
from router.printable import printable_lines
from router.rules.type_names import misspelling


class DocumentedType(click.ParamType):  # type: ignore[type-arg]  # generic from click 8.4 on
    """The name of a documented event type; an unknown one is a usage error with the nearest name."""

    name = "type"

    def __init__(self, *, also: str | None = None, patterns: bool = False) -> None:
        """Create the type.

        Args:
            also: A further value that is accepted.
            patterns: Whether a name may end with ``*``, if documented types begin like it.
        """
        self._also = also
        self._patterns = patterns

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the name. Raises BadParameter if no such type is documented."""
        name = str(value)
        if name in KNOWN_TYPES or name == self._also:
            return name
        beginning = name.removesuffix("*").removesuffix(".") + "."
        below = any(known.startswith(beginning) for known in KNOWN_TYPES)
        if self._patterns and below and name.endswith("*"):
            return name
        hint = f"router sample '{beginning}*' lists the types that begin like this"
        if not below:
            hint = misspelling(name) or "router sample lists the types"
        message = f"no event type {printable_lines(name)!r} is documented; {hint}"
        raise click.BadParameter(message, ctx, param)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Return the types that begin with ``incomplete``."""
        del ctx, param
        return [CompletionItem(name) for name in KNOWN_TYPES if name.startswith(incomplete)]
