"""Prometheus's alerts about the router: each fires, stays silent, and has a runbook."""

import re
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families
from support.monitoring_path import promtool_path
from support.processes import RouterProcess
from support.waiting import until

from router.datatypes import Secret

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
RUNBOOKS = ROOT / "docs" / "runbooks"
TESTS = sorted(path.name for path in DEPLOY.glob("alerts_*test.yml"))
LONG = {"alerts_each_test.yml", "alerts_ordinary_test.yml", "alerts_week_test.yml"}
"""Those that take seconds, which ``make test-deploy`` runs."""
HEADINGS = ["## Meaning", "## Diagnosis", "## Mitigation"]


def alerts() -> list[dict[str, Any]]:
    groups = yaml.safe_load((DEPLOY / "alerts.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


NAMES = [each["alert"] for each in alerts()]


def promtool(*arguments: str, folder: Path = DEPLOY) -> str:
    """Run promtool; return what is wrong, or nothing."""
    program = promtool_path()
    if program is None:
        pytest.skip("promtool is not found: run `make monitoring`")
    done = subprocess.run(  # noqa: S603 - Prometheus's own
        [program, *arguments], cwd=folder, capture_output=True, check=False, text=True, timeout=25
    )
    return "" if done.returncode == 0 else done.stdout + done.stderr


@pytest.mark.parametrize(
    "file",
    [pytest.param(name, marks=pytest.mark.deploy) if name in LONG else name for name in TESTS],
)
def test_the_alerts_fire_as_their_tests_say(file: str) -> None:
    assert promtool("test", "rules", file) == ""


@pytest.fixture(scope="module")
def expressions() -> list[tuple[str, bool]]:
    """Return the title of each test with an expression, and whether it expects an alert of that name."""
    return [
        (name, any(f'alertname="{name}"' in row["labels"] for row in each["exp_samples"]))
        for file in TESTS
        for test in yaml.safe_load((DEPLOY / file).read_text())["tests"]
        for name in [test["name"].partition(":")[0]]
        for each in test.get("promql_expr_test", ())
    ]


@pytest.mark.parametrize("name", NAMES)
def test_each_alert_is_seen_to_fire_and_to_stay_silent(
    name: str, expressions: list[tuple[str, bool]]
) -> None:
    assert {fires for title, fires in expressions if title == name} == {True, False}


@pytest.mark.parametrize("alert", alerts(), ids=NAMES)
def test_each_alert_says_what_is_wrong_and_names_its_page(alert: dict[str, Any]) -> None:
    texts = alert["annotations"]
    assert list(texts) == ["summary", "description", "runbook_url"]
    assert texts["runbook_url"] == f"docs/runbooks/{alert['alert']}.md"
    assert alert["labels"]["severity"] in {"info", "warning", "critical"}
    page = (ROOT / texts["runbook_url"]).read_text()
    assert page.startswith(f"# {alert['alert']}\n")
    assert re.findall(r"^## .*", page, re.MULTILINE) == HEADINGS


def test_no_rate_needs_more_samples_than_there_are() -> None:
    """Prometheus scrapes once a minute by default, and a rate needs two samples."""
    windows = re.findall(r"\[(\d+)([smhd])\]", (DEPLOY / "alerts.yml").read_text())

    minutes = {"s": 1 / 60, "m": 1, "h": 60, "d": 1440}
    assert min(int(number) * minutes[unit] for number, unit in windows) >= 2


def test_there_is_no_page_of_an_alert_that_does_not_exist() -> None:
    assert {path.stem for path in RUNBOOKS.glob("*.md")} - {"index"} == set(NAMES)


def test_each_page_is_listed_with_the_severity_of_its_alert() -> None:
    listed = re.findall(
        r"^\| \[(\w+)\]\(\1\.md\) \| (\w+) \|", (RUNBOOKS / "index.md").read_text(), re.MULTILINE
    )
    assert sorted(listed) == sorted(
        (each["alert"], each["labels"]["severity"]) for each in alerts()
    )


async def scraped(url: str) -> list[tuple[str, float]]:
    """Return the series of a process and their values, as Prometheus has them after a scrape."""
    async with aiohttp.ClientSession() as http, http.get(f"{url}/metrics") as response:
        text = await response.text()
    found = [('up{instance="it", job="router"}', 1.0)]
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = {**sample.labels, "instance": "it", "job": "router"}
            inner = ", ".join(f'{name}="{value}"' for name, value in labels.items())
            found.append((f"{sample.name}{{{inner}}}", sample.value))
    return found


def raised(series: Iterable[tuple[str, str]], folder: Path) -> str:
    """Return what promtool says about alerts after half an hour; nothing if none fires."""
    (folder / "alerts.yml").write_text((DEPLOY / "alerts.yml").read_text())
    test = {
        "rule_files": ["alerts.yml"],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [{"series": name, "values": values} for name, values in series],
                "promql_expr_test": [
                    {
                        "expr": 'ALERTS{alertstate="firing"}',
                        "eval_time": "30m",
                        "exp_samples": [],
                    }
                ],
            }
        ],
    }
    (folder / "test.yml").write_text(yaml.safe_dump(test))
    return promtool("test", "rules", "test.yml", folder=folder)


@pytest.mark.parametrize("command", ["ingress", "worker", "run"])
async def test_a_healthy_process_raises_nothing_and_one_that_is_gone_does(
    command: str, tmp_path: Path, redis_url: Secret
) -> None:
    """Cases O2 and O3, with the metrics of a real process."""
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "rules.yaml").write_text("destinations: {noc: {capture: {}}}\n")
    environ = {
        "ROUTER_REDIS_URL": redis_url.reveal(),
        "ROUTER_RULES": str(tmp_path / "rules"),
        "ROUTER_PORT": "0",
        "ROUTER_WORKER_PORT": "0",
        "ROUTER_DURABILITY": "relaxed",
    }
    async with RouterProcess(command, environ=environ) as process:
        await until(lambda: is_measured(process.url))
        series = await scraped(process.url)
    assert raised([(name, f"{value:.9g}x31") for name, value in series], tmp_path) == ""
    gone = raised([(name, f"{value:.9g}x5 _x26") for name, value in series], tmp_path)
    assert 'alertname="RouterAbsent"' in gone


async def is_measured(url: str) -> bool:
    """Whether the process has looked at Redis once, so that no gauge is as it was made."""
    return any(
        name.startswith("router_redis_up") and value == 1 for name, value in await scraped(url)
    )
