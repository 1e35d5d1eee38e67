"""Alertmanager, where it is installed: each alert a group of its own, one webhook for each.

Debian's package is ``prometheus-alertmanager``; the project's own binary is ``alertmanager``.
"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from bench.outcome import first_line
from bench.processes import UNDER_TEST, Process, free_port
from bench.sink import Sink

PATH = "/api/v2/alerts"
_NAMES = ("prometheus-alertmanager", "alertmanager")


def program() -> str:
    return next((found for name in _NAMES if (found := shutil.which(name))), "")


def available() -> str:
    """Why it cannot be run, ``""`` if it can."""
    return "" if program() else "not installed (apt-get install prometheus-alertmanager)"


def version() -> str:
    return first_line(program(), "--version") if program() else ""


@contextmanager
def server(sink: Sink) -> Iterator[Process]:
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="bench-alertmanager-") as name:
        configuration = Path(name) / "alertmanager.yml"
        configuration.write_text(
            "route: {receiver: sink, group_by: ['...'], group_wait: 0s, group_interval: 1s,"
            " repeat_interval: 4h}\n"
            f"receivers: [{{name: sink, webhook_configs: [{{url: '{sink.url()}',"
            " send_resolved: false}]}]\n"
        )
        with Process(
            [
                program(),
                f"--config.file={configuration}",
                f"--storage.path={name}/data",
                f"--web.listen-address=127.0.0.1:{port}",
                "--cluster.listen-address=",
                "--log.level=error",
            ],
            cores=UNDER_TEST,
            port=port,
        ) as process:
            yield process


def request(number: int, port: int, prefix: str) -> bytes:
    """One alert, as Prometheus posts it, with what our message says."""
    alert = {
        "labels": {
            "alertname": "rule-0",
            "severity": "warning",
            "event_id": f"{prefix}-{number}",
            "account_sid": "AC0000000000000000000000000000001",
        },
        "annotations": {"summary": "Conference Weekly Standup Meeting timed out"},
    }
    body = msgspec.json.encode([alert])
    head = (
        f"POST /api/v2/alerts HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
