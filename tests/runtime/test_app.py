"""A process has the routes and tasks of its roles, and warns of an arq that differs."""

import logging

import aiohttp
import arq.constants
import pytest
from support.running import running, settings_for

from router.datatypes import Secret
from router.journal import arq_adapter
from router.runtime.roles import Roles


async def status_of(url: str) -> int:
    async with aiohttp.ClientSession() as session, session.post(url) as response:
        return response.status


@pytest.mark.parametrize(("is_ingress", "status"), [(True, 401), (False, 404)])
async def test_only_the_ingress_role_receives_events(
    redis_url: Secret,
    is_ingress: bool,  # noqa: FBT001 - a parameter of the test
    status: int,
) -> None:
    settings = settings_for(redis_url, events_token=Secret("a token"))
    async with running(settings, Roles(port=0, ingress=is_ingress)) as process:
        assert await status_of(f"{process.url}/events") == status


async def test_the_supported_arq_is_no_warning(
    redis_url: Secret, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(settings_for(redis_url), Roles(port=0)):
        pass

    assert not [record for record in caplog.records if "arq" in record.message]


async def test_an_arq_that_differs_is_one_warning(
    redis_url: Secret, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(arq.constants, "job_key_prefix")
    monkeypatch.delattr(arq.constants, "retry_key_prefix")
    monkeypatch.setattr(arq_adapter, "ARQ", arq_adapter.read_names())

    async with running(settings_for(redis_url), Roles(port=0)):
        pass

    (warning,) = [record for record in caplog.records if "arq" in record.message]
    assert warning.levelno == logging.WARNING
    assert warning.problems == [  # type: ignore[attr-defined]
        "arq.constants.job_key_prefix is missing",
        "arq.constants.retry_key_prefix is missing",
    ]
