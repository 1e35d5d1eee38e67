"""Text of strangers in log lines and on terminals."""

import logging

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.cli.output import as_json, echo
from router.logs import JsonFormatter, TextFormatter, configure_logging
from router.printable import one_printable_line, printable_json, printable_lines, shortened

HOSTILE = (
    "\x1b]0;title\x07\x1b[2Jid\x9b31m\r\n\tnext\u2028line\u202etxt\u2066x\u200b\ufeff\x00\x7f"
    "\udcff\U000e0041é🦉"
)
FORBIDDEN = set(HOSTILE) - set("]0;title[2Jid31m next line txt xé🦉")


def record(message: str = "message", **fields: object) -> logging.LogRecord:
    made = logging.LogRecord("router", logging.WARNING, __file__, 1, message, (), None)
    vars(made).update(fields)
    return made


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain é 🦉", "plain é 🦉"),
        ("\x1b[31m", r"\x1b[31m"),
        ("a\r\n\tb", r"a\r\n\tb"),
        ("\u2028\u202e\U000e0041", r"\u2028\u202e\U000e0041"),
        ("\udcff\x85", r"\udcff\x85"),
    ],
)
def test_control_and_format_characters_become_escapes(text: str, expected: str) -> None:
    assert one_printable_line(text) == expected


def test_several_lines_keep_their_ends_and_tabs() -> None:
    assert printable_lines("a\n\tb\r\x07") == "a\n\tb\\r\\x07"


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_json_with_escapes_means_the_same(text: str) -> None:
    written = printable_json(msgspec.json.encode([text]).decode())

    assert msgspec.json.decode(written) == [text]
    assert printable_lines(written) == written


def test_a_shortened_text_says_how_much_is_missing() -> None:
    assert shortened("abc", 3) == "abc"
    assert shortened("abcdef", 3) == "abc… (3 more characters)"


@pytest.mark.parametrize("formatter", [JsonFormatter(), TextFormatter()])
def test_a_log_line_has_no_character_that_a_terminal_obeys(formatter: logging.Formatter) -> None:
    """Mutants: the text format replaces LF and CR only; JSON is written as msgspec encodes it."""
    line = formatter.format(record(HOSTILE, id=HOSTILE, ids=[HOSTILE]))

    assert not FORBIDDEN & set(line)
    assert "é🦉" in line


@pytest.mark.parametrize("formatter", [JsonFormatter(), TextFormatter()])
def test_a_traceback_has_none_either(formatter: logging.Formatter) -> None:
    made = record()
    error = ValueError(HOSTILE)
    made.exc_info = (type(error), error, None)

    assert not (FORBIDDEN - {"\n", "\t"}) & set(formatter.format(made))


@pytest.mark.parametrize("formatter", [JsonFormatter(), TextFormatter()])
def test_a_log_line_is_short_whatever_it_quotes(formatter: logging.Formatter) -> None:
    line = formatter.format(record("m" * 100_000, detail="d" * 100_000))

    assert len(line) < 9000
    assert line.count("95904 more characters") == 2


def test_commands_print_no_character_that_a_terminal_obeys(
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = HOSTILE.replace("\udcff", "")
    echo(text)
    echo(as_json({"id": text}))

    assert not (FORBIDDEN - {"\n", "\t"}) & set(capsys.readouterr().out)


def test_no_level_shows_the_urls_of_other_libraries() -> None:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        configure_logging("json", "debug")
        assert not logging.getLogger("urllib3.connectionpool").isEnabledFor(logging.DEBUG)
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
