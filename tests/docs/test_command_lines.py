"""Which command lines of the documents ``router`` understands, as a table."""

import pytest
from support.command_lines import fault_of, router_lines


@pytest.mark.parametrize(
    ("shell", "lines"),
    [
        ("router check rules --strict   # a comment", [["check", "rules", "--strict"]]),
        ("A=1 B='2 3' .venv/bin/router test && router check", [["test"], ["check"]]),
        ("router send \\\n  e.json --sign | tail -1", [["send", "e.json", "--sign"]]),
        ("kubectl exec router -- ls", []),
        ("id=$(router events list --json | head -1)", [["events", "list", "--json"]]),
        ("$ router silence list", [["silence", "list"]]),
        ("cat <<'END'\nrouter nonsense\nEND\nrouter check", [["check"]]),
        ("router silence add --match data.a=~^de", [["silence", "add", "--match", "data.a=~^de"]]),
        ("echo router", []),
    ],
)
def test_the_commands_of_a_shell_text(shell: str, lines: list[list[str]]) -> None:
    assert list(router_lines(shell)) == lines


@pytest.mark.parametrize(
    "line",
    [
        "check",
        "events show ID",
        "schema rules|tests|events",
        "silence add --match rule=a --for 2h --comment text",
        "--help",
        "destinations pause|resume NAME",
    ],
)
def test_what_router_understands_has_no_fault(line: str) -> None:
    assert fault_of(line.split(), is_whole=True) == ""


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("inspect", "router has no command inspect"),
        ("events shw ID", "router events has no command shw"),
        ("check --strictt", "router check: No such option '--strictt'."),
        ("events show", "router events show: ID is missing"),
        ("schema ruls", "router schema has no command ruls"),
        ("rules list --mode off", "router rules list: mode is off, expected live, shadow"),
        ("alerts list --state", "router alerts list: Option '--state' requires an argument."),
        ("alerts list all", "router alerts list: unexpected all"),
    ],
)
def test_what_router_does_not_understand_has_one(line: str, fault: str) -> None:
    assert fault_of(line.split(), is_whole=True).startswith(fault)


def test_a_mention_may_lack_what_a_command_requires() -> None:
    assert fault_of(["events", "show"], is_whole=False) == ""
