"""The argument for a file with events: a path, a pipe such as ``<(zcat events.gz)``, or ``-``."""

import os
from typing import Any, BinaryIO, Final

import click

from router.bounded_read import open_to_read
from router.errors import ConfigurationError

FILE_LIMIT: Final = 64 << 20
"""Bytes of a file that is read as a whole."""


class EventFile(click.File):
    """A file that is opened to read bytes; a pipe to which nothing writes is refused after a while."""

    def __init__(self) -> None:
        super().__init__("rb")

    def convert(
        self,
        value: Any,
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> Any:
        """Return the open file. Raise click.BadParameter."""
        if not isinstance(value, str | os.PathLike) or os.fspath(value) == "-":
            return super().convert(value, param, ctx)
        try:
            file = open_to_read(os.fspath(value))
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not a path"
            self.fail(f"'{click.format_filename(value)}': {reason}", param, ctx)
        if ctx is not None:
            ctx.call_on_close(file.close)
        return file


def read_whole(file: BinaryIO) -> bytes:
    """Return the content of a file.

    Raises:
        ConfigurationError: It has more than ``FILE_LIMIT`` bytes.
    """
    content = file.read(FILE_LIMIT + 1)
    if len(content) > FILE_LIMIT:
        raise ConfigurationError(
            f"the file has more than {FILE_LIMIT >> 20} MiB: router send and router backtest read"
            " files of any size with one event per line"
        )
    return content
