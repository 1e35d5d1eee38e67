"""Whether a command line of the documents is one that ``router`` understands; nothing is run."""

import re
import shlex
from collections.abc import Iterator, Sequence
from typing import Final

import click

from router.cli import main

_ASSIGNMENT: Final = re.compile(r"[A-Za-z_]\w*=")
_ENDS: Final = frozenset(
    {";", "|", "||", "&", "&&", "(", ")", "<", ">", ">>", ";;", "|&", "2>", "<<"}
)
_PREFIXES: Final = frozenset(
    {"sudo", "time", "exec", "then", "do", "else", "if", "while", "!", "watch"}
)
_HEREDOC: Final = re.compile(r"<<-?\s*['\"]?(\w+)['\"]?.*?\n.*?^\s*\1$", re.MULTILINE | re.DOTALL)
_PLACEHOLDER: Final = re.compile(r"\[?[A-Z][A-Z_.]*(?:\.\w+)?\]?|.*…|<.*>|\$.*")
"""What stands for a value: ``ID``, ``EVENT.json``, ``ak_1f…``, ``$name``."""


def router_lines(shell: str) -> Iterator[list[str]]:
    """Yield the arguments of each ``router`` command of a shell text."""
    text = _HEREDOC.sub("", shell.replace("\\\n", " "))
    for line in text.splitlines():
        for command in _commands(line.removeprefix("$ ")):
            words = _without_prefixes(command)
            if words and words[0].rpartition("/")[2] == "router":
                yield words[1:]


def _commands(line: str) -> Iterator[list[str]]:
    """Yield the simple commands of a line: those between operators, and within ``$(…)``."""
    lexer = shlex.shlex(line.replace("$(", " ; "), posix=True, punctuation_chars=True)
    lexer.wordchars += "$…[]{}@:%+,^"
    try:
        words = list(lexer)
    except ValueError:  # a quotation of several lines; its command is on the first
        words = line.partition("'")[0].split()
    command: list[str] = []
    for word in words:
        if word in _ENDS:
            yield command
            command = []
        else:
            command.append(word)
    yield command


def _without_prefixes(words: list[str]) -> list[str]:
    start = 0
    while start < len(words) and (_ASSIGNMENT.match(words[start]) or words[start] in _PREFIXES):
        start += 1
    return words[start:]


def fault_of(arguments: Sequence[str], *, is_whole: bool) -> str:
    """Return what is wrong with the arguments of ``router``; ``""`` if nothing is.

    Args:
        arguments: The words after ``router``.
        is_whole: Whether required arguments must be there; a mention in a sentence may lack them.
    """
    command: click.Command = main
    rest = list(arguments)
    path = ["router"]
    while isinstance(command, click.Group):
        context = click.Context(command, info_name=path[-1])
        try:
            _, rest, _ = command.make_parser(context).parse_args(rest)
        except click.UsageError as error:
            return f"{' '.join(path)}: {error.format_message()}"
        if not rest:
            return ""
        below = command.get_command(context, rest[0])
        if below is None:
            return (
                ""
                if _is_choice_of_commands(command, context, rest[0])
                else (f"{' '.join(path)} has no command {rest[0]}")
            )
        path.append(rest.pop(0))
        command = below
    fault = _fault_of_command(command, rest, is_whole=is_whole)
    return fault and f"{' '.join(path)}: {fault}"


def _is_choice_of_commands(group: click.Group, context: click.Context, word: str) -> bool:
    """Whether a word is ``list|show`` or stands for a command."""
    names = word.split("|")
    return bool(_PLACEHOLDER.fullmatch(word)) or (
        len(names) > 1 and all(group.get_command(context, name) for name in names)
    )


def _fault_of_command(command: click.Command, rest: list[str], *, is_whole: bool) -> str:
    context = click.Context(command, info_name=command.name)
    try:
        given, left, _ = command.make_parser(context).parse_args(rest)
    except click.UsageError as error:
        return error.format_message()
    if left and not context.allow_extra_args:
        return f"unexpected {' '.join(left)}"
    for parameter in command.get_params(context):
        values = _values(given.get(parameter.name or ""))
        if isinstance(parameter.type, click.Choice):
            wrong = [value for value in values if not _may_be(value, parameter.type)]
            if wrong:
                return (
                    f"{parameter.name} is {wrong[0]}, expected {', '.join(parameter.type.choices)}"
                )
        if is_whole and parameter.required and not values:
            return f"{parameter.human_readable_name} is missing"
    return ""


def _values(given: object) -> list[str]:
    if isinstance(given, str):
        return [given]
    return (
        [value for value in given if isinstance(value, str)]
        if isinstance(given, list | tuple)
        else []
    )


def _may_be(value: str, choice: click.Choice[str]) -> bool:
    return bool(_PLACEHOLDER.fullmatch(value)) or set(value.split("|")) <= {*choice.choices}
