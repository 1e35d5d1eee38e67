"""A real Prometheus that scrapes a real router has what each panel of the dashboards asks for."""

import asyncio
import json
import re
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from support.redis_servers import free_port
from support.running import Running, post_batch, running, settings_for, worker_of
from support.waiting import until

from router.datatypes import Secret
from router.runtime.roles import Roles

BOARDS = Path(__file__).parents[2] / "deploy/grafana/dashboards"
RULES = """
destinations: {noc: {capture: {}}}
rules:
  - {name: each, events: ['*'], send_to: [noc], count: {at_least: 1, within: 1m, by: [data.host]}}
"""
CONFIG = """
global: {{scrape_interval: 500ms}}
scrape_configs: [{{job_name: router, static_configs: [{{targets: ["{target}"]}}]}}]
"""
EVENT = b'{"specversion":"1.0","id":"%d","source":"s","type":"t","data":{"host":"h"}}'
VARIABLES = {"$__rate_interval": "10s", "$destination": ".*", "$rule": ".*"}


@pytest.fixture
async def router(redis_url: Secret, tmp_path: Path) -> AsyncIterator[Running]:
    folder = tmp_path / "rules"
    folder.mkdir()
    (folder / "rules.yaml").write_text(RULES)
    settings = settings_for(redis_url)
    roles = Roles(port=0, ingress=True, worker=worker_of(folder, settings))
    async with running(settings, roles) as router:
        yield router


@pytest.fixture
async def prometheus(router: Running, tmp_path: Path) -> AsyncIterator[str]:
    program = shutil.which("prometheus")
    if program is None:
        pytest.skip("prometheus is not on PATH")
    config = tmp_path / "prometheus.yml"
    config.write_text(CONFIG.format(target=router.url.removeprefix("http://")))
    address = f"127.0.0.1:{free_port()}"
    process = await asyncio.create_subprocess_exec(
        program,
        f"--config.file={config}",
        f"--storage.tsdb.path={tmp_path / 'tsdb'}",
        f"--web.listen-address={address}",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    yield f"http://{address}/api/v1/query"
    process.terminate()
    await process.wait()


def expressions() -> list[str]:
    found = []
    for file in sorted(BOARDS.glob("*.json")):
        panels = json.loads(file.read_text())["panels"]
        for target in [target for panel in panels for target in panel.get("targets", [])]:
            expression = target["expr"]
            for name, value in VARIABLES.items():
                expression = expression.replace(name, value)
            found.append(expression)
    return found


@pytest.mark.slow
async def test_each_panel_has_what_it_asks_for(router: Running, prometheus: str) -> None:
    await post_batch(router, [EVENT % number for number in range(3)])
    async with aiohttp.ClientSession() as session:

        async def ask(query: str) -> dict[str, Any]:
            async with session.get(prometheus, params={"query": query}) as response:
                answer: dict[str, Any] = await response.json()
                return answer

        async def is_scraped_twice() -> bool:
            try:
                answer = await ask(
                    'min_over_time(router_deliveries_total{outcome="delivered"}[10s])'
                )
                counted = await ask("count_over_time(router_deliveries_total[10s]) > 2")
            except aiohttp.ClientError:
                return False
            return bool(answer["data"]["result"] and counted["data"]["result"])

        assert await until(is_scraped_twice)
        exist = {
            sample.name for metric in router.metrics.registry.collect() for sample in metric.samples
        }
        for expression in expressions():
            answer = await ask(expression)
            assert answer["status"] == "success", (expression, answer)
            asked = set(re.findall(r"router_[a-z_]+", expression))
            assert answer["data"]["result"] or not asked <= exist, expression
