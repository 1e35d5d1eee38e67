"""The list of commands equals their own help, and is made without importing them."""

import json
import subprocess
import sys
from typing import cast

import click
import pytest
from click.testing import CliRunner

from router.cli import main
from router.cli.lazy_group import LazyGroup

COMMANDS = cast("LazyGroup", main).commands_by_name
_WHOLE = 1000
"""Columns, so that no sentence is cut."""


def loaded_by(*arguments: str) -> set[str]:
    """Return the modules that a process has imported after running ``router`` with arguments."""
    code = (
        "import json, sys; from router.cli import main;"
        f"main({list(arguments)!r}, standalone_mode=False);"
        "print('\\n' + json.dumps([*sys.modules]))"
    )
    answer = subprocess.run(  # noqa: S603 - our own interpreter and text
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    return set(json.loads(answer.stdout.splitlines()[-1]))


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_is_listed_with_its_own_help(name: str) -> None:
    command = COMMANDS[name].load()

    assert command.name == name
    assert COMMANDS[name].help == command.get_short_help_str(_WHOLE)


def test_the_list_equals_that_of_a_plain_group() -> None:
    plain = click.Group("router", commands={name: one.load() for name, one in COMMANDS.items()})

    def list_of(group: click.Group) -> str:
        return CliRunner().invoke(group, ["--help"], terminal_width=79).output.partition("Comm")[2]

    assert list_of(main) == list_of(plain)


def test_help_imports_no_command() -> None:
    loaded = loaded_by("--help")

    assert {name for name in loaded if name.startswith("router")} == {
        "router",
        "router.cli",
        "router.cli.lazy_group",
        "router.cli.output",
        "router.cli.usage_hints",
        "router.errors",
        "router.printable",
        "router.quantities",
        "router.suggestions",
        "router.configuration",
        "router.configuration.diagnostics",
    }


def test_a_serving_process_imports_no_other_command() -> None:
    loaded = loaded_by("ingress", "--help")

    assert "router.runtime.app" in loaded
    assert {"router.dev", "router.client"} & loaded == set()


def test_completion_lists_names() -> None:
    context = click.Context(main, info_name="router")

    assert [item.value for item in main.shell_complete(context, "de")] == [
        "dead-letters",
        "deliveries",
        "destinations",
        "dev",
    ]


def test_a_command_that_does_not_exist_is_named() -> None:
    result = CliRunner().invoke(main, ["ingres"])

    assert result.exit_code == 2
    assert "No such command 'ingres'" in result.output
