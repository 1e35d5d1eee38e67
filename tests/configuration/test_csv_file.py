"""CSV files as rows of cells with positions."""

import pytest
from support.documents import problems

from router.configuration.csv_file import CELL_LIMIT, COLUMNS_LIMIT, Cell, read_csv
from router.configuration.yaml.document import YamlDocument


def rows(text: str) -> tuple[list[list[str]], list[str]]:
    document = YamlDocument("a.yaml", text)
    return [[cell.text for cell in row] for row in read_csv(document)], problems(document)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("a,b\n1,2\n", [["a", "b"], ["1", "2"]]),
        ("a,b\r\n1,2\r\n", [["a", "b"], ["1", "2"]]),
        ("a,b\r1,2", [["a", "b"], ["1", "2"]]),
        ("a\n\n\nb\n", [["a"], ["b"]]),
        ("a,\n", [["a", ""]]),
        (",\n", [["", ""]]),
        ('"a,b","c""d"\n', [["a,b", 'c"d']]),
        ('"a\nb",c\n', [["a\nb", "c"]]),
        ('"",x\n', [["", "x"]]),
        (" a , b\n", [[" a ", " b"]]),
    ],
)
def test_a_text_becomes_rows(text: str, expected: list[list[str]]) -> None:
    assert rows(text) == (expected, [])


@pytest.mark.parametrize(
    ("text", "before", "expected"),
    [
        ('a\n"b', 1, "2:1: the text that begins here has no closing quote"),
        ('a\n"b"c\n', 1, '2:4: expected a comma or the end of the line here (write "" for a'),
        ('a\nb"c\n', 1, '2:2: expected a comma or the end of the line here (write "" for a'),
        ("," * COLUMNS_LIMIT, 0, "1:101: a row has at most 100 cells"),
        ("a" * (CELL_LIMIT + 1), 0, "1:1: a cell has at most 4096 characters"),
    ],
)
def test_reading_ends_at_the_first_error(text: str, before: int, expected: str) -> None:
    read, reported = rows(text)
    assert len(read) == before
    assert len(reported) == 1
    assert reported[0].startswith(expected)


def test_a_cell_has_its_position() -> None:
    (row,) = read_csv(YamlDocument("a.yaml", 'ab,"c"\n'))
    assert row == [Cell("ab", 0, 2), Cell("c", 3, 6)]


def test_an_empty_cell_has_a_position_of_one_character() -> None:
    (row,) = read_csv(YamlDocument("a.yaml", "a,\n"))
    assert (row[1].span.start, row[1].span.end) == (2, 3)
