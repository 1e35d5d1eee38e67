"""Each sentinel is reported on, whether it answers or not."""

from contextlib import AsyncExitStack

import pytest
from support.scripted_sentinel import SERVICE, ScriptedSentinel

from router.datatypes import Secret
from router.journal.sentinel_report import SentinelReport, report_sentinels


async def test_a_report_has_what_each_sentinel_knows() -> None:
    async with AsyncExitStack() as stack:
        sound, lonely, unaware = [
            await stack.enter_async_context(ScriptedSentinel(6380, epoch=3)) for _ in range(3)
        ]
        lonely.quorum = "-NOQUORUM 1 usable Sentinels. Not enough available Sentinels"
        lonely.flags = "master,o_down,failover_in_progress"
        unaware.error = "ERR No such master with that name"
        nodes = ",".join(each.address for each in (sound, lonely, unaware))
        reports = await report_sentinels(Secret(f"redis+sentinel://{nodes},127.0.0.1:1/{SERVICE}"))

    known = SentinelReport(
        address=sound.address,
        primary="127.0.0.1:6380",
        epoch=3,
        replicas=2,
        sentinels=3,
        quorum=2,
    )
    assert reports[0] == known
    assert reports[1] == SentinelReport(
        address=lonely.address,
        primary="127.0.0.1:6380",
        epoch=3,
        is_down=True,
        is_failing_over=True,
        replicas=2,
        sentinels=3,
        quorum=2,
        quorum_problem="NOQUORUM 1 usable Sentinels. Not enough available Sentinels",
    )
    assert reports[2] == SentinelReport(
        address=unaware.address,
        problem="monitors no such service",
        advice="correct the service in ROUTER_REDIS_URL: redis+sentinel://host/service/0",
    )
    assert (reports[3].address, reports[3].problem) == ("127.0.0.1:1", "refuses the connection")


async def test_a_sentinel_without_tls_is_told_apart_from_a_slow_one() -> None:
    """Seen to fail: "did not answer in time", because it waits for the end of the handshake."""
    async with ScriptedSentinel() as plain:
        url = Secret(f"rediss+sentinel://{plain.address}/{SERVICE}/0?ssl_cert_reqs=none")
        (report,) = await report_sentinels(url)

    assert report.problem == "speaks no TLS at the port in ROUTER_REDIS_URL"
    assert report.advice.startswith("write the port of its TLS, or redis:// instead of rediss://")


async def test_another_url_has_no_sentinels() -> None:
    with pytest.raises(ValueError, match="is no URL of sentinels"):
        await report_sentinels(Secret("redis://127.0.0.1:6379/0"))
