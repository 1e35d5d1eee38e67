"""The type of arguments that name a folder."""

import os
from pathlib import Path
from typing import Any

import click


class FolderPath(click.Path):
    """A folder, which need not exist. A file, and a variable of the shell that is empty, are refused."""

    def __init__(self) -> None:
        super().__init__(file_okay=False, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path. Raise click.BadParameter."""
        text = os.fspath(value)
        if not text:
            self.fail("the name is empty: write that of a folder, . for this one", param, ctx)
        if Path(text).is_file():
            folder = Path(text).parent
            self.fail(f"{text!r} is a file: write its folder, {str(folder)!r}", param, ctx)
        return super().convert(value, param, ctx)
