"""``docs/reference/metrics.md``: name, type and labels of each metric are written from the code.

What a metric means is written by hand, in more words than the help of the metric has; a new metric begins with its help, in
the last table.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

from prometheus_client.metrics import MetricWrapperBase

from router.metrics import Metrics

PAGE: Final = Path(__file__).parents[2] / "docs" / "reference" / "metrics.md"
_ROW: Final = re.compile(r"^\| `(\w+)` \|[^|]*\|[^|]*\| (.*) \|\n", re.MULTILINE)


class _Described(NamedTuple):
    type: str
    labels: str
    help: str


def metrics_page() -> str:
    """Return the text of the page."""
    metrics = described()
    text = PAGE.read_text("utf-8")
    new = metrics.keys() - {match[1] for match in _ROW.finditer(text)}
    end = [match.end() for match in _ROW.finditer(text)][-1]
    rows = [_row(name, metrics[name], metrics[name].help) for name in metrics if name in new]
    return _ROW.sub(
        lambda match: _row(match[1], metrics[match[1]], match[2]) if match[1] in metrics else "",
        text[:end] + "".join(rows) + text[end:],
    )


def described() -> Mapping[str, _Described]:
    """Return each metric by its name, in the order of the code."""
    collectors = [each for each in vars(Metrics()).values() if isinstance(each, MetricWrapperBase)]
    return {
        _name(each): _Described(each._type, ", ".join(each._labelnames), each._documentation)
        for each in collectors
    }


def _name(metric: MetricWrapperBase) -> str:
    name = metric._name.removeprefix("router_")
    return f"{name}_total" if metric._type == "counter" else name


def _row(name: str, metric: _Described, meaning: str) -> str:
    return f"| `{name}` | {metric.type} | {metric.labels} | {meaning} |\n".replace("|  |", "| |")
