"""The files of the rules folder."""

import os
from pathlib import Path

import pytest

from router.configuration.files import (
    fingerprint,
    generation,
    printable_path,
    read_content,
    rules_files,
    sibling_file,
)
from router.errors import RulesError


def test_rules_files_are_sorted_by_name(tmp_path: Path) -> None:
    for name in ("b.yaml", "a.yml", ".hidden.yaml", "notes.txt", "table.csv"):
        (tmp_path / name).write_text("")
    assert [path.name for path in rules_files(tmp_path)] == ["a.yml", "b.yaml"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("missing", "the folder does not exist"),
        ("file", "this is a file, not a folder"),
        ("empty", "the folder has no file that ends in .yaml or .yml"),
        ("\0", "the folder cannot be read: not a path"),
    ],
)
def test_a_folder_without_rules_files_is_an_error(tmp_path: Path, name: str, expected: str) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "empty").mkdir()
    with pytest.raises(RulesError) as caught:
        rules_files(tmp_path / name)
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.message == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.csv", Path("rules/a.csv")),
        ("../a.csv", "a table's file must be in the rules folder, write its name without a path"),
        ("x\\a.csv", "a table's file must be in the rules folder, write its name without a path"),
        (".a.csv", "a table's file must be in the rules folder, write its name without a path"),
        ("a.txt", "the name of a table's file must end in .csv"),
    ],
)
def test_a_rules_file_can_name_only_tables_beside_it(name: str, expected: Path | str) -> None:
    assert sibling_file(Path("rules"), name) == expected


@pytest.mark.fault_row(62)
@pytest.mark.parametrize(
    ("size", "expected"), [(10, b"x" * 10), (11, "the file is larger than 9.54e-06 MiB")]
)
def test_a_file_is_read_up_to_its_limit(tmp_path: Path, size: int, expected: bytes | str) -> None:
    (tmp_path / "a.yaml").write_bytes(b"x" * size)
    assert read_content(tmp_path / "a.yaml", limit=10) == expected


def test_a_pipe_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.yaml")
    assert read_content(tmp_path / "a.yaml") == "this is not a file"


@pytest.mark.parametrize(
    ("name", "counts"),
    [("a.yaml", True), ("b.yml", True), ("c.csv", True), ("d.txt", False), (".e.yaml", False)],
)
def test_a_written_file_changes_the_fingerprint(tmp_path: Path, name: str, *, counts: bool) -> None:
    (tmp_path / name).write_text("a")
    before = fingerprint(tmp_path)
    (tmp_path / name).write_text("ab")
    assert (fingerprint(tmp_path) != before) == counts


def test_a_missing_folder_has_a_fingerprint(tmp_path: Path) -> None:
    before = fingerprint(tmp_path / "rules")
    (tmp_path / "rules").mkdir()
    assert fingerprint(tmp_path / "rules") != before


@pytest.mark.parametrize(
    ("contents", "is_equal"),
    [
        ({"rules/a.yaml": b"1", "rules/b.yaml": b"2"}, True),
        ({"other/a.yaml": b"1", "other/b.yaml": b"2"}, True),
        ({"rules/a.yaml": b"1", "rules/b.yaml": b"3"}, False),
        ({"rules/a.yaml": b"1", "rules/c.yaml": b"2"}, False),
        ({"rules/a.yaml": b"1b.yaml2"}, False),
    ],
)
def test_the_generation_depends_on_names_and_contents(
    contents: dict[str, bytes | str], *, is_equal: bool
) -> None:
    first = generation({"rules/a.yaml": b"1", "rules/b.yaml": b"2"})
    assert (generation(contents) == first) == is_equal


def test_a_path_of_any_bytes_is_printable() -> None:
    assert printable_path(os.fsdecode(b"a\xff.yaml")) == "a\\udcff.yaml"
