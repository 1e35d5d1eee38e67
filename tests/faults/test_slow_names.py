"""A name server that does not answer harms the destinations whose names it has, and no other."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.events import event_from
from support.host_names import HostNames
from support.running import post_batch, running, settings_for, worker_of
from support.sinks import HttpSink
from support.waiting import until

from router.datatypes import Secret
from router.runtime.roles import Roles

HEALTHY_SECONDS = 60.0
"""Much longer than a delivery takes, and shorter than a look-up that hangs, which is for ever."""

SLOW = {
    "mail": "email: {to: [a@x.test], from: r@x.test, smtp_url: smtp://mail.test, %s}",
    "web": "http: {url: http://web.test/, %s}",
    "granted": "http: {url: %%s, oauth2: {token_url: https://token.test/, client_id: r,"
    " client_secret: s3cret}, %s}",
    "behind": "http: {url: http://127.0.0.9/, proxy: http://proxy.test:3128, %s}",
    "inside": "http: {url: http://inside.test/, proxy: http://127.0.0.9:3128, %s}",
    "chat": "slack: {webhook_url: https://chat.test/services/T/B/x, rate: null, %s}",
}
"""One destination for each way to a name."""


@pytest.fixture
def names() -> Iterator[HostNames]:
    with HostNames() as names:
        names.addresses = {"up.test": ["127.0.0.1"]}
        names.hanging = {
            f"{name}.test" for name in ("mail", "web", "token", "proxy", "inside", "chat")
        }
        yield names


async def test_a_name_that_is_not_resolved_delays_no_other_destination_and_not_the_end(
    redis_url: Secret, names: HostNames, sample: bytes, tmp_path: Path
) -> None:
    """Case D4: as many look-ups as hurt, for mail, HTTP, token servers and proxies alike."""
    loop = asyncio.get_running_loop()
    async with HttpSink() as sink:
        up = f"http://up.test:{sink.port}/"
        lines = [
            f"  {name}: {{{form % 'timeout: 1s'}}}".replace("%s", up) for name, form in SLOW.items()
        ]
        rule = f'rules: [{{name: all, events: ["*"], send_to: [{", ".join(SLOW)}, up]}}]'
        text = ["destinations:", *lines, f"  up: {{http: {{url: {up}}}}}", rule, ""]
        (tmp_path / "rules.yaml").write_text("\n".join(text))
        settings = settings_for(redis_url)
        roles = Roles(port=0, ingress=True, worker=worker_of(tmp_path, settings))
        async with running(settings, roles) as router:
            ids = [f"NO{number}" for number in range(20)]
            bodies = [event_from(sample, id=each, status="summary_timeout").body for each in ids]
            await post_batch(router, bodies)
            await sink.receive(len(ids), seconds=HEALTHY_SECONDS)
            ended = loop.time()

            async def one_thread_each() -> bool:
                return names.hung == len(names.hanging)

            await until(one_thread_each)
            assert max(names.asked[name] for name in names.hanging) == 1
        assert loop.time() - ended < HEALTHY_SECONDS
