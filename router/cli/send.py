"""``router send``: send one event, or a file of events, to a router."""

import os
import secrets
import sys
from contextlib import nullcontext, suppress
from http import HTTPStatus
from pathlib import Path
from typing import Any, BinaryIO, Final
from urllib.parse import urlsplit

import click
import msgspec

from router.bounded_read import is_regular
from router.cli import command_loop
from router.cli.beside_dev import running_dev
from router.cli.documented_type import DocumentedType
from router.cli.event_file import EventFile, read_whole
from router.cli.output import INTERRUPTED, can_move_cursor, echo
from router.client.backfill import Backfill, BackfillProgress, Pace, StoppedError
from router.client.json_lines import CheckpointFile, FileCheckpoint, Line, batches, lines, skip_to
from router.client.send import Endpoint, has_credentials, without_secrets
from router.client.send import send as send_one
from router.clock import system_clock
from router.datatypes import Secret
from router.errors import ConfigurationError
from router.events.sample import sample_event
from router.events.type_sample import type_sample
from router.http.server import Address
from router.settings.environment import non_empty
from router.settings.model import Settings

_PLACE: Final = frozenset({"ROUTER_HOST", "ROUTER_PORT"})
"""Variables that say where the router listens."""
_LINE_SUFFIXES: Final = frozenset({".jsonl", ".ndjson"})
_BATCH_BYTES: Final = 1 << 20
_TIMEOUT_SAMPLE: Final = ""
"""Stands for Twilio's example of a conference summary, as it reports a timeout."""
_CHECKPOINT_INTERVAL: Final = 0.5
"""Seconds between two writes of the checkpoint."""


@click.command()
@click.argument("event", type=EventFile(), required=False)
@click.option(
    "--sample",
    is_flag=False,
    flag_value=_TIMEOUT_SAMPLE,
    metavar="[TYPE]",
    type=DocumentedType(also=_TIMEOUT_SAMPLE),
    help="Send a sample event under a new id: of a conference summary, or of TYPE (router sample).",
)
@click.option(
    "--sign",
    is_flag=True,
    help="Sign requests as Twilio does, with the first of ROUTER_TWILIO_AUTH_TOKENS.",
)
@click.option(
    "--url",
    default="",
    help="URL of the router.  [default: router dev, or ROUTER_HOST and ROUTER_PORT]",
)
@click.option(
    "--lines", "by_line", is_flag=True, help="The file has one event per line (*.jsonl, *.ndjson)."
)
@click.option(
    "--batch",
    type=click.IntRange(1, 1000),
    default=100,
    show_default=True,
    help="Events per request.",
)
@click.option(
    "--at-once",
    type=click.IntRange(1, 64),
    default=4,
    show_default=True,
    help="Concurrent requests.",
)
@click.option(
    "--rate",
    type=click.FloatRange(0),
    default=0.0,
    help="Maximum events per second; 0 for no limit.",
)
@click.option(
    "--from", "first", type=click.IntRange(1), help="Begin at this line and ignore the checkpoint."
)
@click.option("--skip-bad", is_flag=True, help="Report lines that are not events, and continue.")
def send(
    event: BinaryIO | None,
    url: str,
    *,
    sample: str | None,
    sign: bool,
    by_line: bool,
    **options: Any,
) -> None:
    """Send events from a file to a router.

    EVENT is a file with a CloudEvent in JSON, an array of them, or one per line; "-" is standard
    input. A file with one event per line is sent in batches. The checkpoint EVENT.sent records the
    last accepted line, so that the same command resumes there after an interruption. Requests that
    were in flight are then sent again, and the router drops the duplicates. --sample takes the place
    of a file.
    """
    if (event is None) != (sample is not None):
        raise click.UsageError(
            "name one file with events, or --sample" if event is None else "name a file or --sample"
        )
    if url:
        _check_url(url, sign=sign)
    target = _endpoint(Settings.read(os.environ), url, sign=sign)
    if event is not None and (by_line or Path(event.name).suffix in _LINE_SUFFIXES):
        _FileSender(event, target, _FileOptions(**options)).run()
        return
    body = _sample_body(sample) if sample is not None else read_whole(event) if event else b""
    result = command_loop.run(send_one(target, body))
    echo(result.text)
    if sign and result.status == HTTPStatus.FORBIDDEN:
        echo(_signature_hint(target), err=True)
    sys.exit(0 if result.accepted else 1)


def _sample_body(event_type: str) -> bytes:
    """Return a sample event under a new id."""
    digits = secrets.token_hex(16)
    if event_type == _TIMEOUT_SAMPLE:
        return sample_event(f"NO{digits}")
    return msgspec.json.encode(type_sample(event_type, digits))


def _signature_hint(target: Endpoint) -> str:
    """Return what may be wrong with a signature that the router rejected."""
    return (
        f"the signature is for {target.shown_signed}, by the first of ROUTER_TWILIO_AUTH_TOKENS: set"
        " ROUTER_PUBLIC_URL, ROUTER_TWILIO_URL and the tokens here as they are set for the router"
    )


def _check_url(url: str, *, sign: bool) -> None:
    """Check ``--url``. Raises ConfigurationError."""
    try:
        parts = urlsplit(url)
        is_usable = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
        is_usable = is_usable and not any(map(str.isspace, url))
    except ValueError:
        is_usable = False
    if not is_usable:
        raise ConfigurationError(
            f"--url {without_secrets(url)}: write http:// or https://, a host and a path, for"
            " example http://127.0.0.1:8080/events"
        )
    if has_credentials(url) and not sign:
        raise ConfigurationError(
            f"--url {without_secrets(url)}: write it without user and password: senders of events"
            " have ROUTER_EVENTS_TOKEN, and --sign sends as a Twilio sink with a password does"
        )


def _endpoint(settings: Settings, url: str, *, sign: bool) -> Endpoint:
    # A process that listens on all addresses can be reached on loopback.
    base = str(Address(settings.host, settings.port).from_here())
    running = None if url else running_dev(settings)
    if running is not None and (running.url == base or not _PLACE & non_empty(os.environ).keys()):
        base = running.url
        if not settings.twilio_auth_tokens:
            tokens = (Secret(running.auth_token),)
            settings = msgspec.structs.replace(settings, twilio_auth_tokens=tokens)
    if not sign:
        return Endpoint(url=url or f"{base}/events", token=next(iter(settings.events_token), None))
    if not settings.twilio_auth_tokens:
        raise ConfigurationError(
            "--sign needs ROUTER_TWILIO_AUTH_TOKENS, or a router dev of this folder"
        )
    credentials = () if has_credentials(url) else settings.twilio_basic_auth
    return Endpoint(
        url=url or f"{base}/twilio",
        auth_token=settings.twilio_auth_tokens[0],
        credentials=credentials[0] if credentials else None,
        public_url=settings.public_url,
        sink_url=settings.twilio_url,
    )


class _FileOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options of a file with one event per line."""

    batch: int
    at_once: int
    rate: float
    first: int | None
    skip_bad: bool


class _FileSender:
    """Sends one file line by line and reports progress on standard error."""

    def __init__(self, file: BinaryIO, target: Endpoint, options: _FileOptions) -> None:
        self._file = file
        self._name = file.name if isinstance(file.name, str) else "-"
        self._is_file = self._name not in {"-", "<stdin>"} and is_regular(file)
        self._batch = options.batch
        self._checkpoint = CheckpointFile(Path(self._name)) if self._is_file else None
        self._start = self._seek(options.first)
        self._clock = system_clock()
        self._backfill = Backfill(
            target,
            Pace(concurrency=options.at_once, rate=options.rate),
            self._clock,
            on_progress=self._on_progress,
            on_skip=self._on_skip if options.skip_bad else None,
            on_retry=self._on_retry,
        )
        self._retried_for = ""
        self._is_interrupted = False
        self._bar: Any = None
        self._shown = self._start.offset
        if self._is_file and can_move_cursor(sys.stderr):
            path = Path(self._name)
            self._bar = click.progressbar(
                length=path.stat().st_size, label=path.name, file=sys.stderr
            )
            self._bar.update(self._start.offset)
        self._saved_at = self._started_at = self._clock.monotonic()

    def run(self) -> None:
        """Send the file; exit with code 1 if not all of it was accepted."""
        source = batches(
            lines(self._file, self._start, self._name), events=self._batch, size=_BATCH_BYTES
        )
        stopped: StoppedError | None = None
        try:
            with self._bar or nullcontext():
                command_loop.run(self._backfill.run(source))
        except StoppedError as error:
            stopped = error
        except KeyboardInterrupt:
            self._is_interrupted = True
            stopped = StoppedError("interrupted")
        self._finish(stopped)

    def _seek(self, first: int | None) -> FileCheckpoint:
        if first is not None:
            return skip_to(self._file, first)
        start = self._checkpoint.load() if self._checkpoint else FileCheckpoint()
        if start.line:
            echo(f"{self._name}: resuming at line {start.line + 1}", err=True)
            self._file.seek(start.offset)
        return start

    def _on_progress(self, sent: BackfillProgress) -> None:
        if self._bar is not None:
            self._bar.update(sent.checkpoint.offset - self._shown)
            self._shown = sent.checkpoint.offset
        now = self._clock.monotonic()
        if self._checkpoint and now - self._saved_at >= _CHECKPOINT_INTERVAL:
            self._saved_at = now
            self._checkpoint.save(sent.checkpoint)

    def _on_skip(self, line: Line, reason: str) -> None:
        echo(f"{self._name}:{line.number}: skipped: {reason}", err=True)

    def _on_retry(self, reason: str) -> None:
        if reason != self._retried_for:
            self._retried_for = reason
            echo(f"{self._name}: sending again: {reason}", err=True)

    def _finish(self, stopped: StoppedError | None) -> None:
        sent = self._backfill.sent
        seconds = self._clock.monotonic() - self._started_at
        echo(
            f"{sent.accepted} accepted, {sent.quarantined} quarantined, {sent.skipped} skipped,"
            f" {sent.retried} requests retried, {sent.accepted / max(seconds, 0.001):.0f} events/s"
        )
        if stopped is None:
            if self._checkpoint:
                self._checkpoint.remove()
            return
        reached = sent.checkpoint if sent.checkpoint.line else self._start
        location = f"{self._name}:{stopped.line}" if stopped.line else self._name
        echo(f"{location}: {stopped.reason}", err=True)
        if not self._backfill.has_answered:
            # Nothing was sent: the URL is wrong, or the router is away.
            sys.exit(INTERRUPTED if self._is_interrupted else 2)
        if self._checkpoint and reached.line:
            with suppress(OSError):
                self._checkpoint.save(reached)
            echo("run the same command again to resume", err=True)
        else:
            echo(f"resume with --from {reached.line + 1}", err=True)
        sys.exit(INTERRUPTED if self._is_interrupted else 1)
