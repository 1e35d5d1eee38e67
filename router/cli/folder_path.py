"""The types of arguments that name a folder, or a file to write."""

import os
from pathlib import Path
from typing import Any, Final

import click

_TESTS: Final = "tests"
"""The folder in a rules folder that has its tests."""


def _has_tests(folder: Path) -> bool:
    """Return whether a folder is that of tests, inside a folder of rules."""
    return folder.name == _TESTS and any(folder.parent.glob("*.y*ml")) and folder.is_dir()


class OutputPath(click.Path):
    """A file to write. A variable of the shell that is empty is refused."""

    def __init__(self) -> None:
        super().__init__(dir_okay=False, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path. Raise click.BadParameter."""
        if not os.fspath(value):
            self.fail("the name is empty: write that of a file", param, ctx)
        return super().convert(value, param, ctx)


class FolderPath(click.Path):
    """A folder, which need not exist. A file, and a variable of the shell that is empty, are refused."""

    def __init__(self) -> None:
        super().__init__(file_okay=False, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path. Raise click.BadParameter."""
        text = os.fspath(value)
        if not text:
            self.fail("the name is empty: write that of a folder, . for this one", param, ctx)
        if _has_tests(Path(text)):
            self.fail(
                f"{text!r} has the tests of rules: write {str(Path(text).parent)!r}", param, ctx
            )
        if Path(text).is_file():
            folder = Path(text).parent
            self.fail(f"{text!r} is a file: write its folder, {str(folder)!r}", param, ctx)
        return super().convert(value, param, ctx)
