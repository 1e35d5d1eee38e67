"""YAML as a tree of nodes with positions, and the problems of a document."""

import pytest
from support.documents import parse, problems

from router.configuration.yaml.document import (
    DEPTH_LIMIT,
    DIAGNOSTICS_LIMIT,
    ListNode,
    MapNode,
    Node,
    Scalar,
    Span,
    UnreadableNode,
    YamlDocument,
    decode_document,
    read_yaml,
)


def plain(node: Node) -> object:
    """Return the tree as Python values; scalars as text, unreadable nodes as None."""
    match node:
        case Scalar():
            return node.text
        case ListNode():
            return [plain(item) for item in node.items]
        case MapNode():
            return {entry.key.text: plain(entry.value) for entry in node.entries}
        case UnreadableNode():
            return None


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("a", "a"),
        ("[a, 'b', [c]]", ["a", "b", ["c"]]),
        ("{a: 1, b: {c: no}}", {"a": "1", "b": {"c": "no"}}),
        ("a:\n  - b\n  - c: |\n      d\n", {"a": ["b", {"c": "d\n"}]}),
    ],
)
def test_a_text_becomes_a_tree(text: str, tree: object) -> None:
    document, root = parse(text)
    assert (plain(root), problems(document)) == (tree, [])


@pytest.mark.fault_row(62)
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: *b", "1:4: `*b`: aliases are not supported in rules files (repeat the value)"),
        ("a: &b c", "1:4: `&b`: anchors are not supported in rules files (remove it)"),
        ("a: !!str c", "1:4: `!!str`: tags are not supported in rules files (remove it, and use"),
        ("<<: {a: b}", "1:1: `<<`: merge keys are not supported (write the keys here)"),
        ("[a]: b", "1:1: a key must be text, not a list or a map"),
        ("a: b\na: c", '2:1: the key "a" is given twice (first on line 1)'),
        ("no: b", "1:1: the key `no` without quotes is false to some YAML parsers"),
        ("5: b", "1:1: the key `5` without quotes is not text"),
        ("a: b\n---\nc: d", "2:1: a second document begins here"),
        ("a: [b", "1:4: this list lacks a `]` or a comma"),
        ("a: \x07", "1:4: a character that YAML does not allow: U+0007"),
        ("", "the file is empty (expected rules: or destinations:)"),
        ("[" * (DEPTH_LIMIT + 1), "1:41: lists and maps are nested more than 40 levels deep"),
    ],
)
def test_what_a_rules_file_cannot_contain_is_reported(text: str, expected: str) -> None:
    """Mutant: aliases are allowed."""
    document = YamlDocument("a.yaml", text)
    read_yaml(document)
    (reported,) = problems(document)
    assert reported.startswith(expected)


def test_a_map_returns_the_value_of_a_key() -> None:
    _, root = parse("{a: b}")
    assert isinstance(root, MapNode)
    assert (plain(root.get("a") or root), root.get("c")) == ("b", None)


@pytest.mark.parametrize(
    ("text", "line", "column"), [("ab", 1, 2), ("a\nb", 2, 1), ("a\r\nb", 2, 1), ("a\rb", 2, 1)]
)
def test_an_offset_has_a_line_and_a_column(text: str, line: int, column: int) -> None:
    document = YamlDocument("a.yaml", text)
    offset = text.index("b")
    assert document.line(offset) == line
    assert document.location(Span(offset, offset + 1)) == f"a.yaml:{line}:{column}"


def test_a_problem_that_is_reported_twice_counts_once() -> None:
    document = YamlDocument("a.yaml", "a")
    document.report(Span(0, 1), "wrong")
    document.report(Span(0, 1), "wrong")
    assert problems(document) == ["1:1: wrong"]


def test_errors_end_at_the_limit() -> None:
    document = YamlDocument("a.yaml", "a")
    for number in range(DIAGNOSTICS_LIMIT + 1):
        document.report(None, str(number))
    assert document.is_full
    assert len(problems(document)) == DIAGNOSTICS_LIMIT


@pytest.mark.parametrize(
    ("value", "shown"),
    [("c4nary", "a: ******"), ("[c4, nary]", "a: [**, ****]"), ("${NAME}", "a: ${NAME}")],
)
def test_hidden_values_are_masked(value: str, shown: str) -> None:
    document, root = parse(f"a: {value}\n")
    assert isinstance(root, MapNode)
    document.hide(root.entries[0].value)
    document.report(root.entries[0].key.span, "wrong")
    (diagnostic,) = document.diagnostics()
    assert diagnostic.source == shown


def test_trials_report_the_errors_that_all_share() -> None:
    document = YamlDocument("a.yaml", "ab")
    first, second = document.blank_copy(), document.blank_copy()
    for trial in (first, second):
        trial.report(Span(0, 1), "in both")
        trial.report(Span(0, 1), "in both, about ${X}")
    second.report(Span(1, 2), "in one")
    document.report_common([first, second], ["${X}"])
    assert problems(document) == ["1:1: in both"]


@pytest.mark.parametrize(
    ("content", "text", "expected"),
    [
        (b"a: b", "a: b", []),
        ("\ufeffa: b".encode(), "a: b", []),
        (b"a: \xff", "a: ", ["1:4: byte 0xff is not UTF-8 (save the file as UTF-8)"]),
        ("this is not a file", "", ["this is not a file"]),
    ],
)
def test_bytes_become_a_document(content: bytes | str, text: str, expected: list[str]) -> None:
    document = decode_document("a.yaml", content)
    assert (document.text, problems(document)) == (text, expected)
