"""Files that contain no events: the place and what to do."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from router.cli import main

RULES = """
destinations: {a: {capture: {}}}
rules: [{name: x, events: [com.example.a], send_to: [a]}]
"""
EVENT = b'{"specversion":"1.0","id":"1","source":"/s","type":"com.example.a"}'


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "a.yaml").write_text(RULES)
    return tmp_path


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "e.json is empty: write an event in JSON; router sample prints an event"),
        (b"\xef\xbb\xbf \n", "e.json is empty"),
        (b"[]", "e.json contains no event"),
        (
            b"{}",
            "e.json: not a CloudEvent: Object missing required field `specversion`: a CloudEvent",
        ),
        (b"[" + EVENT + b",{}]", "e.json: not a CloudEvent: Object missing required field"),
        (b'{"AccountSid":"AC1"}', "there is router sources test"),
        (b"AccountSid=AC1&CallSid=CA1", "e.json:1:1: JSON is malformed: invalid character"),
        (b"null", "e.json: not a CloudEvent: expected a JSON object or an array of them"),
        (b'{"id":1', "e.json: not a CloudEvent: JSON ends too early"),
        (b'{"id":1', "a bracket or quote is not closed"),
        (
            b"{\n  'id': '1'}",
            "e.json:2:3: JSON is malformed: expected '\"': text in JSON has double",
        ),
        (EVENT[:-1] + b",\n}", "e.json:2:1: JSON is malformed: trailing comma in object"),
        (
            EVENT + b"\n" + EVENT + b"\n",
            "e.json:2:1: JSON is malformed: trailing characters: write several events as an array",
        ),
        (b"\xff\xfe{\0}\0", "e.json:1:1: the body is not UTF-8: invalid start byte: save the file"),
        (b"<xml/>", "e.json:1:1: JSON is malformed: invalid character: this is XML or HTML"),
        (b"// x\n" + EVENT, "e.json:1:1: JSON is malformed: invalid character"),
        (
            EVENT.replace(b'"1"', b"1"),
            "e.json: not a CloudEvent: Expected `str`, got `int` at $.id",
        ),
        (EVENT.replace(b"/s", b"\xfc"), "e.json:1:41: the body is not UTF-8"),
    ],
)
def test_a_file_without_an_event_is_explained_in_one_line(
    content: bytes, said: str, folder: Path
) -> None:
    (folder / "e.json").write_bytes(content)
    for command in (
        ["explain", "e.json", "--offline"],
        ["preview", "x", "e.json", "--destination", "a"],
    ):
        result = CliRunner().invoke(main, command)
        assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
        assert said in result.stderr


def test_standard_input_is_named() -> None:
    result = CliRunner().invoke(main, ["explain", "-", "--offline"], input="")
    assert result.stderr.startswith("router: standard input is empty")
