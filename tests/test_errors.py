"""The one error that a group of errors stands for."""

from pathlib import Path

import pytest

from router.errors import ConfigurationError, SettingsError, only_error

FIRST, SECOND = SettingsError("first"), ConfigurationError("second")
BUG = KeyError("a bug")


@pytest.mark.parametrize(
    ("errors", "expected"),
    [
        ([FIRST], FIRST),
        ([FIRST, SECOND], FIRST),
        ([ExceptionGroup("inner", [SECOND]), FIRST], SECOND),
        ([FIRST, BUG], None),
        ([ExceptionGroup("inner", [BUG]), FIRST], None),
        ([BUG], None),
    ],
)
def test_a_group_of_one_kind_stands_for_its_first_error(
    errors: list[Exception], expected: Exception | None
) -> None:
    assert only_error(ExceptionGroup("outer", errors), ConfigurationError) is expected


def test_no_module_raises_in_a_starred_except() -> None:
    """Python before 3.11.4, which Debian 12 ships, wraps such an error in a group."""
    modules = (Path(__file__).parents[1] / "router").rglob("*.py")
    assert [
        str(path)
        for path in modules
        if "except*" in path.read_text("utf-8").replace("``except*``", "")
    ] == []
