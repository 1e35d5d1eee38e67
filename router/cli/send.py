"""``router send``: an event, or a file of them, to a router."""

import asyncio
import os
import sys
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any, BinaryIO, Final

import click
import msgspec

from router.client.backfill import Backfill, BackfillProgress, Pace, StoppedError
from router.client.json_lines import CheckpointFile, FileCheckpoint, Line, batches, lines, skip_to
from router.client.send import Endpoint
from router.client.send import send as send_one
from router.clock import system_clock
from router.errors import ConfigurationError
from router.settings.model import Settings

_SUFFIXES: Final = frozenset({".jsonl", ".ndjson"})
_BATCH_SIZE: Final = 1 << 20
_SAVE_EVERY: Final = 0.5
"""Seconds between two notes of how far a file has been sent."""


@click.command()
@click.argument("event", type=click.File("rb"))
@click.option("--sign", is_flag=True, help="Sign it as Twilio does, with the first auth token.")
@click.option(
    "--url", default="", help="Where to; the router of ROUTER_HOST and ROUTER_PORT otherwise."
)
@click.option(
    "--lines", "by_line", is_flag=True, help="One event a line, as in *.jsonl and *.ndjson."
)
@click.option("--batch", type=click.IntRange(1, 1000), default=100, help="Events in a request.")
@click.option("--at-once", type=click.IntRange(1, 64), default=4, help="Requests under way.")
@click.option("--rate", type=click.FloatRange(0), default=0.0, help="Events a second at most.")
@click.option(
    "--from", "first", type=click.IntRange(1), help="Begin at this line, whatever was sent before."
)
@click.option("--skip-bad", is_flag=True, help="Name lines that are no events, and go on.")
def send(event: BinaryIO, url: str, *, sign: bool, by_line: bool, **how: Any) -> None:
    """Send EVENT to a router: a CloudEvent in JSON, an array of them, or a file with one a line.

    A file with one event a line is sent in batches; EVENT.sent beside it remembers how far, and the
    same command goes on there. What was under way is sent again, and the router drops repeats.
    "-" is standard input.
    """
    target = _target(Settings.read(os.environ), url, sign=sign)
    if by_line or Path(event.name).suffix in _SUFFIXES:
        _Run(event, target, _How(**how)).run()
        return
    answer = asyncio.run(send_one(target, event.read()))
    click.echo(f"{answer.status} {answer.body}")
    sys.exit(0 if answer.accepted else 1)


def _target(settings: Settings, url: str, *, sign: bool) -> Endpoint:
    base = f"http://{settings.host}:{settings.port}"
    if not sign:
        return Endpoint(url=url or f"{base}/events", token=settings.events_token)
    if not settings.twilio_auth_tokens:
        raise ConfigurationError("--sign needs ROUTER_TWILIO_AUTH_TOKENS")
    credentials = settings.twilio_basic_auth
    return Endpoint(
        url=url or f"{base}/twilio",
        auth_token=settings.twilio_auth_tokens[0],
        credentials=credentials[0] if credentials else None,
        public_url=settings.public_url,
    )


class _How(msgspec.Struct, frozen=True, kw_only=True):
    """The options of one run."""

    batch: int
    at_once: int
    rate: float
    first: int | None
    skip_bad: bool


class _Run:
    """One file, sent line by line; says on standard error how far it is."""

    def __init__(self, file: BinaryIO, target: Endpoint, how: _How) -> None:
        self._file = file
        self._name = file.name if isinstance(file.name, str) else "-"
        self._is_file = self._name not in {"-", "<stdin>"}
        self._batch = how.batch
        self._resume = CheckpointFile(Path(self._name)) if self._is_file else None
        self._start = self._begin(how.first)
        self._clock = system_clock()
        self._backfill = Backfill(
            target,
            Pace(at_once=how.at_once, rate=how.rate),
            self._clock,
            on_progress=self._progress,
            on_skip=self._skipped if how.skip_bad else None,
        )
        self._bar: Any = None
        if self._is_file and sys.stderr.isatty():
            path = Path(self._name)
            self._bar = click.progressbar(
                length=path.stat().st_size, label=path.name, file=sys.stderr
            )
            self._bar.update(self._start.offset)
        self._saved_at = self._began = self._clock.monotonic()

    def run(self) -> None:
        source = batches(
            lines(self._file, self._start, self._name), events=self._batch, size=_BATCH_SIZE
        )
        stopped: StoppedError | None = None
        try:
            with self._bar or nullcontext():
                asyncio.run(self._backfill.run(source))
        except StoppedError as error:
            stopped = error
        except KeyboardInterrupt:
            stopped = StoppedError("interrupted")
        self._end(stopped)

    def _begin(self, first: int | None) -> FileCheckpoint:
        if first is not None:
            return skip_to(self._file, first)
        place = self._resume.load() if self._resume else FileCheckpoint()
        if place.line:
            click.echo(f"{self._name}: going on at line {place.line + 1}", err=True)
            self._file.seek(place.offset)
        return place

    def _progress(self, sent: BackfillProgress) -> None:
        if self._bar is not None:
            self._bar.update(sent.place.offset - self._bar.pos)
        now = self._clock.monotonic()
        if self._resume and now - self._saved_at >= _SAVE_EVERY:
            self._saved_at = now
            self._resume.save(sent.place)

    def _skipped(self, line: Line, reason: str) -> None:
        click.echo(f"{self._name}:{line.number}: skipped: {reason}", err=True)

    def _end(self, stopped: StoppedError | None) -> None:
        sent = self._backfill.sent
        seconds = self._clock.monotonic() - self._began
        click.echo(
            f"{sent.accepted} accepted, {sent.quarantined} quarantined, {sent.skipped} skipped,"
            f" {sent.again} requests again, {sent.accepted / max(seconds, 0.001):.0f} events/s"
        )
        if stopped is None:
            if self._resume:
                self._resume.forget()
            return
        place = sent.place if sent.place.line else self._start
        place_of_fault = f"{self._name}:{stopped.line}" if stopped.line else self._name
        click.echo(f"{place_of_fault}: {stopped.reason}", err=True)
        if self._resume and place.line:
            with suppress(OSError):
                self._resume.save(place)
            click.echo("the same command goes on where this one stopped", err=True)
        else:
            click.echo(f"go on with --from {place.line + 1}", err=True)
        sys.exit(1)
