"""Entries of the section ``tables``."""

import pytest
from support.documents import parse_entry, problems

from router.configuration.readers.tables import Table, read_table
from router.configuration.yaml.document import YamlDocument

FILE = "{file: a.csv, key: sid, numbers: [tier]}"


def read(text: str, csv: str | None = None) -> tuple[Table | None, list[str], list[str]]:
    """Return the table and the problems of the YAML and of the CSV document."""
    document, entry = parse_entry(f"customers: {text}\n")
    sheet = YamlDocument("a.csv", csv or "")

    def read_file(_name: str) -> YamlDocument | str:
        return "the file cannot be read: no such file" if csv is None else sheet

    table = read_table(document, entry, read_file)
    return table, problems(document), [str(each) for each in sheet.diagnostics()]


def test_rows_may_be_written_in_the_section() -> None:
    table, reported, _ = read("{rows: {AC1: {place: noc, tier: 1}, AC2: {place: boss}}}")
    assert table is not None
    assert table.rows == {
        "AC1": {"place": "noc", "tier": 1},
        "AC2": {"place": "boss", "tier": None},
    }
    assert (table.columns, reported) == (("place", "tier"), [])


def test_rows_may_be_read_from_a_csv_file() -> None:
    table, reported, _ = read(FILE, "sid,place,tier\nAC1,noc,1\nAC2,,\n")
    assert table is not None
    assert table.rows == {
        "AC1": {"sid": "AC1", "place": "noc", "tier": 1},
        "AC2": {"sid": "AC2", "place": "", "tier": None},
    }
    assert (table.columns, reported) == (("sid", "place", "tier"), [])


def test_a_row_has_the_position_of_its_key() -> None:
    table, _, _ = read(FILE, "sid,tier\nAC1,1\nAC2,2\n")
    assert table is not None
    assert table.document.location(table.spans["AC2"]) == "a.csv:3:1"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{}", "1:12: a table needs either file or rows"),
        ("{file: a.csv, rows: {}}", "1:12: a table needs either file or rows"),
        ("{file: a.csv}", "1:19: file: key is missing, write the column by which rows"),
        ("{rows: {}, key: sid}", "1:19: rows: remove key and numbers, which are for files only"),
        ("{row: {}}", 'unknown key "row" in table "customers"'),
        ("rows", '1:12: table "customers": expected a map of keys and values, found "rows"'),
        ("{rows: [1]}", "1:19: rows: expected a map of keys and values, found a list"),
        (FILE, "1:19: a.csv: the file cannot be read: no such file"),
    ],
)
def test_a_wrong_entry_is_reported(text: str, expected: str) -> None:
    table, reported, _ = read(text)
    assert table is None
    assert any(expected in each for each in reported), reported


@pytest.mark.parametrize(
    ("csv", "expected"),
    [
        ("", "a.csv: the file is empty (expected a line with the names of the columns)"),
        ("sid,,tier\n", "a.csv:1:5: this column has no name"),
        ("sid,tier,sid\n", 'a.csv:1:10: the column "sid" is given twice'),
        ("sid,tier\nAC1\n", "a.csv:2:1: this row has 1 cell, expected 2 as in the first line"),
        ("sid,tier\nAC1,2,3\n", "a.csv:2:1: this row has 3 cells, expected 2 as in the first"),
        ("sid,tier\n,2\n", 'a.csv:2:1: this row has no value in the key column "sid"'),
        (
            "sid,tier\nA,1\nA,2\n",
            'a.csv:3:1: the key "A" is given twice (first on line 2)',
        ),
        ("sid,tier\nA,x\n", 'a.csv:2:3: tier: expected a number, found "x"'),
        ("sid,tier\nA,0x1\n", 'a.csv:2:3: tier: expected a number, found "0x1"'),
        ("sid,tier\nA,true\n", 'a.csv:2:3: tier: expected a number, found "true"'),
    ],
)
def test_an_error_in_a_csv_file_is_reported_there(csv: str, expected: str) -> None:
    table, reported, (in_file,) = read(FILE, csv)
    assert (table, reported) == (None, [])
    assert in_file.startswith(expected)


def test_a_missing_column_is_reported_where_the_file_is_named() -> None:
    _, reported, _ = read(FILE, "id,tier\n")
    assert reported == ['1:19: a.csv has no column "sid" (did you mean "id"?)']


def test_a_name_that_conditions_cannot_use_is_reported() -> None:
    document, entry = parse_entry("my-customers: {rows: {}}\n")
    read_table(document, entry, lambda _: "")
    (reported,) = problems(document)
    assert reported.endswith("(conditions refer to a table by its name)")


@pytest.mark.parametrize(
    ("cell", "number"),
    [("1E+05", 1e5), ("1e3", 1e3), ("1.5e-3", 0.0015), ("-.5", -0.5), ("12", 12), ("-0.5", -0.5)],
)
def test_a_number_in_a_csv_file_is_written_as_spreadsheets_write_it(
    cell: str, number: float
) -> None:
    """Only YAML reads numbers with an exponent in two ways."""
    table, reported, in_file = read(FILE, f"sid,tier\nA,{cell}\n")
    assert table is not None
    assert (table.rows["A"]["tier"], reported, in_file) == (number, [], [])
