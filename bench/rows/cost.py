"""T8: CPU time per event, from the event coming in to its message being sent.

The operating system's count for all processes that take part, Redis with its append-only file
included, at a rate that all of them keep up with; Alertmanager's for as many alerts, one webhook
for each. Alertmanager keeps its state in memory and writes it to disk every 15 minutes.
"""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Protocol

from bench import load
from bench.measuring import alternate, median, ratios
from bench.messages import Shape
from bench.outcome import Row, row, skipped
from bench.peers import alertmanager
from bench.processes import ANYWHERE, BESIDE
from bench.sink import Sink
from bench.stage import Redis, Router, rules

_RATES = (200.0, 1000.0)
_WARM = 100


class _Counted(Protocol):
    def cpu(self) -> float: ...


def rows(*, short: bool) -> Iterator[Row]:
    seconds = 2.0 if short else 6.0
    rounds = 1 if short else 2
    why = alertmanager.available()
    for rate in _RATES[-1:] if short else _RATES:
        what = f"CPU per event, Redis included ÷ Alertmanager's per alert, {rate:g}/s"
        parts: dict[str, list[float]] = {}
        sides = {"router": lambda rate=rate, parts=parts: _router(rate, seconds, parts)}
        if not why:
            sides["alertmanager"] = lambda rate=rate: _alertmanager(rate, seconds)
        taken = alternate(rounds, sides)
        figures = {f"{side} µs": median(each) for side, each in (taken | parts).items()}
        case = f"{rate:g} events/s"
        if why:
            alone = taken["router"]
            said = "CPU per event, Redis included"
            yield row("T8", said, alone, case=case, unit="µs", figures=figures)
            yield skipped("T8", what, f"Alertmanager is {why}", case=case)
            continue
        yield row(
            "T8",
            what,
            ratios(taken["router"], taken["alertmanager"]),
            case=case,
            at_most=0.7 if rate == _RATES[-1] else None,
            figures=figures,
        )


def _router(rate: float, seconds: float, parts: dict[str, list[float]]) -> float:
    """Microseconds for each event; those of each process are added to ``parts``."""
    with contextlib.ExitStack() as stack:
        redis = stack.enter_context(Redis("everysec"))
        sink = stack.enter_context(Sink())
        router = Router(redis, rules([sink.url()]))
        ingress = stack.enter_context(router.ingress(ANYWHERE))
        worker = stack.enter_context(router.worker(cores=ANYWHERE))
        processes: dict[str, _Counted] = {"ingress": ingress, "worker": worker, "Redis": redis}
        each = _cpu_each(sink, ingress.port, "/twilio", list(processes.values()), rate, seconds)
        for name, spent in zip(processes, each, strict=True):
            parts.setdefault(name, []).append(spent)
        return sum(each)


def _alertmanager(rate: float, seconds: float) -> float:
    with Sink() as sink, alertmanager.server(sink) as server:
        (each,) = _cpu_each(sink, server.port, alertmanager.PATH, [server], rate, seconds)
        return each


def _cpu_each(
    sink: Sink, port: int, path: str, counted: Sequence[_Counted], rate: float, seconds: float
) -> list[float]:
    """Microseconds of each process for each event."""
    _send(port, path, rate, _WARM, "probe")
    sink.wait_for(_WARM, seconds=30)
    count = int(rate * seconds)
    before = [each.cpu() for each in counted]
    _send(port, path, rate, count, "bench")
    report = sink.wait_for(_WARM + count, seconds=60)
    spent = [each.cpu() - since for each, since in zip(counted, before, strict=True)]
    if report.events != _WARM + count:
        raise RuntimeError(f"{report.events - _WARM} of {count} messages arrived")
    return [seconds / count * 1e6 for seconds in spent]


def _send(port: int, path: str, rate: float, count: int, prefix: str) -> None:
    shape = Shape(count=count, path=path, id_prefix=prefix, status="summary_timeout")
    load.run(load.Plan(port=port, shape=shape, connections=8, rate=rate), BESIDE)
