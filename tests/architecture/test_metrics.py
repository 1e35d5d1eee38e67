"""The metrics that exist, those that are used and those that are documented are the same."""

import json
import re

import pytest
from prometheus_client import Metric
from prometheus_client.metrics import MetricWrapperBase
from support.repository_text import ROOT, router_modules, text_of

from router.metrics import Metrics

METRICS = Metrics()
DASHBOARDS = [
    f"deploy/grafana/dashboards/{name}.json" for name in ("overview", "destinations", "rules")
]
SELECTOR = re.compile(r"(router_[a-z_]+)\{([^}]*)\}")
GROUPING = re.compile(r"by \(([^)]*)\)")


def described() -> dict[str, Metric]:
    return {metric.name: metric for metric in METRICS.registry.collect()}


def documented() -> dict[str, str]:
    """Name without the prefix -> the row's cells."""
    text = (ROOT / "docs" / "reference" / "metrics.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| (counter|gauge|histogram) \|", text, re.MULTILINE)
    return dict(rows)


def test_each_metric_is_documented_with_its_type_and_no_other_is() -> None:
    exist = {
        name.removeprefix("router_") + ("_total" if metric.type == "counter" else ""): metric.type
        for name, metric in described().items()
    }

    assert documented() == exist


@pytest.mark.parametrize("attribute", [name for name in vars(METRICS) if name != "registry"])
def test_each_metric_is_set_somewhere(attribute: str) -> None:
    use = re.compile(rf"metrics\.{attribute}\b")

    assert any(use.search(text_of(path)) for path in router_modules() if path.name != "metrics.py")


@pytest.mark.parametrize("file", ["deploy/alerts.yml", *DASHBOARDS])
def test_alerts_and_dashboards_ask_for_metrics_that_exist(file: str) -> None:
    asked = set(re.findall(r"router_[a-z_]+", (ROOT / file).read_text()))
    exist = {sample.name for metric in described().values() for sample in metric.samples}
    families = {
        name + suffix
        for name in described()
        for suffix in ("", "_total", "_bucket", "_count", "_sum")
    }

    assert asked - exist - families == set()


def targets(file: str) -> list[str]:
    board = json.loads((ROOT / file).read_text())
    return [target["expr"] for panel in board["panels"] for target in panel.get("targets", [])]


def labels_of(asked: str) -> set[str]:
    """The labels of the metric whose name ``asked`` begins with."""
    name = max((name for name in described() if asked.startswith(name)), key=len)
    (collector,) = [
        each
        for each in vars(METRICS).values()
        if isinstance(each, MetricWrapperBase) and each._name == name
    ]
    return {*collector._labelnames, "instance", *(["le"] if "_bucket" in asked else [])}


def test_each_metric_is_on_a_dashboard() -> None:
    shown = "".join(expression for file in DASHBOARDS for expression in targets(file))

    assert [
        name for name in described() if not re.search(rf"\b{name}(_total|_bucket)?\b", shown)
    ] == []


@pytest.mark.parametrize("file", DASHBOARDS)
def test_dashboards_ask_for_labels_that_their_metrics_have(file: str) -> None:
    for expression in targets(file):
        for name, matchers in SELECTOR.findall(expression):
            assert set(re.findall(r"(\w+)\s*(?:=~|!=|=)", matchers)) <= labels_of(name), expression
        grouped = {label.strip() for by in GROUPING.findall(expression) for label in by.split(",")}
        names = re.findall(r"router_[a-z_]+", expression)
        assert grouped <= set.union(*map(labels_of, names)), expression


@pytest.mark.parametrize("file", DASHBOARDS)
def test_a_dashboard_asks_the_data_source_that_its_reader_selects(file: str) -> None:
    board = json.loads((ROOT / file).read_text())
    (variable, *others) = board["templating"]["list"]
    panels = [panel for panel in board["panels"] if panel["type"] != "row"]
    sources = [*others, *panels, *(target for panel in panels for target in panel["targets"])]

    assert (variable["type"], variable["query"]) == ("datasource", "prometheus")
    assert {each["datasource"]["uid"] for each in sources} == {"${datasource}"}
    assert all(panel["fieldConfig"]["defaults"]["unit"] for panel in panels)
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
