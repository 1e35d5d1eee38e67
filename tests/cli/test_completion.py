"""What the shell completes, through click's own protocol."""

from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.shell_completion import ShellComplete

from router.cli import main
from router.cli.completion import complete_destination, complete_rule, complete_source

RULES = """
destinations:
  noc: {capture: {}}
  night-shift: {capture: {}}
sources:
  github: {path: /in/github, verify: none, event: {type: '"a"'}}
rules:
  - {name: quality, events: [a], send_to: [noc], description: "Calls sound bad."}
  - {name: storms, events: [b], send_to: [noc]}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ROUTER_RULES", raising=False)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "rules.yaml").write_text(RULES)
    (tmp_path / ".env").write_text("ROUTER_RULES=mine\n")
    return tmp_path


@pytest.fixture(autouse=True)
def kept_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROUTER_RULES", "mine")


def completed(*words: str) -> list[str]:
    *before, incomplete = words
    found = ShellComplete(main, {}, "router", "_ROUTER_COMPLETE").get_completions(
        before, incomplete
    )
    return [each.value for each in found]


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["dest"], ["destinations"]),
        (["destinations", "pause", "n"], ["noc", "night-shift"]),
        (["worker", "--destination", "no"], ["noc"]),
        (["rules", "show", ""], ["quality", "storms"]),
        (["preview", "q"], ["quality"]),
        (["dead-letters", "list", "--destination", "night"], ["night-shift"]),
        (["sources", "test", "g"], ["github"]),
        (["sources", "preset", "twilio-s"], ["twilio-status"]),
        (["init", "--pack", "call"], ["call-quality"]),
        (["init", "--to", "page"], ["pagerduty"]),
    ],
)
def test_names_are_completed(words: list[str], names: list[str]) -> None:
    assert completed(*words) == names


def test_a_rule_has_its_description_beside_it() -> None:
    found = ShellComplete(main, {}, "router", "_ROUTER_COMPLETE").get_completions(
        ["rules", "show"], "q"
    )
    assert [(each.value, each.help) for each in found] == [("quality", "Calls sound bad.")]


@pytest.mark.parametrize("broken", ["rules: [", None])
def test_a_folder_that_is_wrong_completes_nothing(folder: Path, broken: str | None) -> None:
    file = folder / "mine" / "rules.yaml"
    file.write_text(broken) if broken else file.unlink()
    assert completed("rules", "show", "") == []


def commands(group: click.Group, path: str = "") -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield f"{path} {name}".strip(), command
        if isinstance(command, click.Group):
            yield from commands(command, f"{path} {name}".strip())


def test_each_parameter_that_takes_a_configured_name_completes_it() -> None:
    expected = {"destination": complete_destination, "rule": complete_rule}
    groups = {
        "destinations": complete_destination,
        "rules": complete_rule,
        "sources": complete_source,
    }
    missing = []
    for path, command in commands(main):
        for parameter in command.params:
            by_option = expected.get(parameter.opts[0].removeprefix("--"))
            by_group = groups.get(path.partition(" ")[0]) if parameter.name == "name" else None
            wanted = by_option or by_group
            if (
                wanted
                and path != "sources preset"
                and parameter._custom_shell_complete is not wanted
            ):
                missing.append((path, parameter.name))
    assert missing == []
