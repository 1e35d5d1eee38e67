"""Names that the shell completes: of rules, destinations and sources of the rules folder.

A completion prints nothing but names: a folder or a file that is wrong has none.
"""

import os
from collections.abc import Callable, Mapping

import click
from click.shell_completion import CompletionItem

from router.cli.rules_folder import usable_rules
from router.configuration.model import Configuration
from router.errors import SettingsError
from router.settings.env_file import load_env_file

Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def completing(found: Callable[[], Mapping[str, str]]) -> Complete:
    """Return the function that click calls.

    Args:
        found: Returns each name with a sentence about it.
    """

    def complete(
        _context: click.Context, _parameter: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        return [
            CompletionItem(name, help=about or None)
            for name, about in found().items()
            if name.startswith(incomplete)
        ]

    return complete


def _configuration() -> Configuration | None:
    try:
        load_env_file(None, os.environ)  # the command group, which does it, is not run
    except (SettingsError, OSError):
        return None
    return usable_rules()


def _rules() -> Mapping[str, str]:
    loaded = _configuration()
    return {each.name: each.description for each in loaded.rules.rules} if loaded else {}


def _destinations() -> Mapping[str, str]:
    loaded = _configuration()
    return {each.name: each.kind for each in loaded.destinations} if loaded else {}


def _sources() -> Mapping[str, str]:
    loaded = _configuration()
    return {each.name: each.path for each in loaded.sources} if loaded else {}


complete_rule = completing(_rules)
complete_destination = completing(_destinations)
complete_source = completing(_sources)
