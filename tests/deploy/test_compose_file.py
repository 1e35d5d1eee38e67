"""The reading of docker-compose.yml and ``.env`` that the other tests rely on, as Compose documents it."""

from pathlib import Path

import pytest
from support.compose_file import interpolate, read_dotenv, read_services

VARIABLES = {"SET": "value", "EMPTY": ""}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$SET-${SET}", "value-value"),
        ("${NONE}", ""),
        ("${NONE:-default}", "default"),
        ("${EMPTY:-default}", "default"),
        ("${EMPTY-default}", ""),
        ("${NONE-default}", "default"),
        ("${SET:-default}", "value"),
        ("${SET:+other}", "other"),
        ("${EMPTY:+other}", ""),
        ("${EMPTY+other}", "other"),
        ("${NONE:-${EMPTY:-${SET}}}", "value"),
        ("smtp://mail:${NONE:-1025}/x", "smtp://mail:1025/x"),
        ("$$SET costs $5", "$SET costs $5"),
    ],
)
def test_variables_are_interpolated(text: str, expected: str) -> None:
    assert interpolate(text, VARIABLES) == expected


def test_a_variable_may_be_required() -> None:
    with pytest.raises(ValueError, match="EMPTY: write it"):
        interpolate("${EMPTY:?write it}", VARIABLES)


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("VAR=VAL", "VAL"),
        ("VAR: VAL", "VAL"),
        ("export VAR=VAL", "VAL"),
        ("VAR=VAL # comment", "VAL"),
        ("VAR=VAL# not a comment", "VAL# not a comment"),
        ('VAR="VAL # not a comment"', "VAL # not a comment"),
        ('VAR="VAL" # comment', "VAL"),
        ("VAR='$SET'", "$SET"),
        ('VAR="${SET}"', "value"),
        ("VAR=${SET}", "value"),
        ("VAR=${NONE:-default}", "default"),
        (r"VAR='Let\'s go!'", "Let's go!"),
        (r'VAR="{\"hello\": \"json\"}"', '{"hello": "json"}'),
        (r'VAR="some\tvalue"', "some\tvalue"),
        (r"VAR='some\tvalue'", r"some\tvalue"),
        ("VAR='two\nlines'", "two\nlines"),
        ("VAR=", ""),
        ("VAR= # comment", ""),
        ("SET", "value"),
    ],
)
def test_a_line_of_dotenv_is_a_variable(line: str, value: str) -> None:
    text = f"# first\n\n{line}\n  # last\nLAST=1\n"

    assert list(read_dotenv(text, VARIABLES).values()) == [value, "1"]


def test_what_is_no_variable_is_an_error() -> None:
    with pytest.raises(ValueError, match="not a variable: '- a list'"):
        read_dotenv("A=1\n- a list\n", {})


def test_environment_replaces_env_file_and_the_shell_replaces_dotenv(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("A=env\nB=env\nC=env\nD=\n")
    (tmp_path / "docker-compose.yml").write_text(
        "x-all: &all {image: i, env_file: [{path: .env, required: false}, {path: b, required: false}]}\n"
        "services:\n"
        "  one:\n"
        "    <<: *all\n"
        "    environment: {B: '${B}!', C: fixed, E: , F: , G: 5}\n"
        "    volumes: ['./x:/y:ro', 'named:/z']\n"
    )
    service = read_services(tmp_path / "docker-compose.yml", {"B": "shell", "F": "shell"})["one"]

    assert service.environment == {
        "A": "env",
        "B": "shell!",
        "C": "fixed",
        "D": "",
        "F": "shell",
        "G": "5",
    }
    assert [(each.source, each.target, each.read_only) for each in service.volumes] == [
        (str(tmp_path / "x"), "/y", True),
        ("named", "/z", False),
    ]


def test_an_override_is_merged(tmp_path: Path) -> None:
    (tmp_path / "docker-compose.yml").write_text(
        "services: {one: {image: i, environment: {A: a, B: b}, volumes: ['./x:/y:ro']}}\n"
    )
    (tmp_path / "docker-compose.override.yml").write_text(
        "services: {one: {environment: {A: '', C: '${SET}'}, secrets: [s], volumes: ['n:/z']}}\n"
        "secrets: {s: {file: ./s.txt}}\n"
    )
    service = read_services(tmp_path / "docker-compose.yml", {"SET": "c"})["one"]

    assert service.environment == {"A": "", "B": "b", "C": "c"}
    assert [(each.source, each.target) for each in service.volumes] == [
        (str(tmp_path / "x"), "/y"),
        ("n", "/z"),
        (str(tmp_path / "s.txt"), "/run/secrets/s"),
    ]
