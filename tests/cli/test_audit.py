"""`router audit`: what commands did is in the audit trail."""

import asyncio
from collections.abc import Callable

import msgspec
import pytest
from click.testing import Result
from support.keyed import put

from router.datatypes import Secret
from router.journal.connection import connect

Router = Callable[..., Result]
SILENCE = ("silence", "add", "--match", "rule=x", "--for", "1h", "--comment", "work")


@pytest.fixture
def alert(redis_url: Secret, sample: bytes) -> None:
    async def store() -> None:
        connection = connect(redis_url, deadline=5.0, max_connections=1)
        await put(connection, sample, "ak_1")
        await connection.close()

    asyncio.run(store())


@pytest.mark.usefixtures("dead", "alert")
def test_each_command_that_changes_something_is_in_the_audit_trail(
    router: Router, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGNAME", "bo")
    assert router(*SILENCE, "--author", "ann").exit_code == 0
    (silence,) = msgspec.json.decode(router("silence", "list", "--json").stdout)["silences"]
    for command in (
        ("silence", "expire", silence["id"]),
        ("destinations", "pause", "mail", "--reason", "they move"),
        ("destinations", "resume", "mail"),
        ("alerts", "acknowledge", "ak_1", "--by", "ann"),
        ("alerts", "unacknowledge", "ak_1"),
        ("alerts", "resolve", "ak_1", "--wait", "0.01"),
        ("dead-letters", "replay", "--reason", "404"),
        ("dead-letters", "discard", "--all", "--yes"),  # none is left, so there is no entry
        ("quarantine", "discard", "--all", "--yes"),
    ):
        assert router(*command).exit_code in {0, 1}, command

    entries = msgspec.json.decode(router("audit", "list", "--json").stdout)["entries"]

    assert [(each["action"], each["kind"], each["named"]) for each in reversed(entries)] == [
        ("silenced", "silence", "ann"),
        ("expired", "silence", ""),
        ("paused", "destination", ""),
        ("resumed", "destination", ""),
        ("acknowledged", "alert", "ann"),
        ("unacknowledged", "alert", ""),
        ("resolved", "alert", ""),
        ("replayed", "dead_letters", ""),
        ("discarded", "quarantine", ""),
    ]
    assert {(each["by"], each["via"], bool(each["address"])) for each in entries} == {
        ("bo", "cli", True)
    }
    table = router("audit", "list", "--action", "replayed", "--newer-than", "1h").stdout
    assert "dead_letters mail  bo  cli" in table
    assert table.rstrip().endswith("records=5 reason=404")
    assert "no actions match" in router("audit", "list", "--name", "alice").stdout
    more = router("audit", "list", "--limit", "1").stdout.splitlines()[-1]
    assert more.startswith("more: --after ")
    assert router("audit", "list", "--after", "x").stderr == (
        "router: --after: 'x' is not a cursor: use the one of the previous page\n"
    )
