"""The metrics that exist, those that are used and those that are documented are the same."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from prometheus_client import Metric

from router.metrics import Metrics

ROOT = Path(__file__).parents[2]
METRICS = Metrics()


def described() -> dict[str, Metric]:
    return {metric.name: metric for metric in METRICS.registry.collect()}


def documented() -> dict[str, str]:
    """Name without the prefix -> the row's cells."""
    text = (ROOT / "docs" / "operations.md").read_text()
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
    sources = [path for path in (ROOT / "router").rglob("*.py") if path.name != "metrics.py"]

    assert any(re.search(rf"metrics\.{attribute}\b", path.read_text()) for path in sources)


@pytest.mark.parametrize(
    "file", ["deploy/alerts.yml", "deploy/grafana/dashboards/event-router.json"]
)
def test_alerts_and_dashboards_ask_for_metrics_that_exist(file: str) -> None:
    asked = set(re.findall(r"router_[a-z_]+", (ROOT / file).read_text()))
    exist = {sample.name for metric in described().values() for sample in metric.samples}
    families = {
        name + suffix
        for name in described()
        for suffix in ("", "_total", "_bucket", "_count", "_sum")
    }

    assert asked - exist - families == set()


def test_the_alerts_fire_as_their_tests_say() -> None:
    """``deploy/alerts*_test.yml`` by promtool, which comes with Prometheus."""
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not on PATH")
    run = subprocess.run(  # noqa: S603 - from PATH
        [promtool, "test", "rules", "alerts_test.yml", "alerts_slow_test.yml"],
        cwd=ROOT / "deploy",
        capture_output=True,
        check=False,
        text=True,
    )

    assert run.returncode == 0, run.stdout + run.stderr


def test_each_alert_of_the_store_and_of_keyed_alerts_has_a_test() -> None:
    alerts = yaml.safe_load((ROOT / "deploy/alerts.yml").read_text())
    tested = "".join(path.read_text() for path in (ROOT / "deploy").glob("alerts*_test.yml"))
    tried = ("event-router-store", "event-router-keyed-alerts")
    rules = [
        each for group in alerts["groups"] if group["name"] in tried for each in group["rules"]
    ]

    assert [each["alert"] for each in rules if each["alert"] not in tested] == []
