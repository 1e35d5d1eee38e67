"""A user without a right learns which one, from a real Redis."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from support.missing_rights import missing_rights
from support.redis_servers import RedisServer

from router.datatypes import Secret
from router.errors import JournalUnavailableError
from router.journal.access_rights import RIGHTS, RightKind, acl_rule
from router.journal.connection import Connection, connect

SCRIPTS = {"EVAL", "EVALSHA"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with RedisServer(tmp_path_factory.mktemp("redis") / "data") as server:
        yield server


@pytest.fixture
async def least(server: RedisServer) -> AsyncIterator[Connection]:
    """A connection whose user has the rights of the list, and no right to run ACL."""
    rule = acl_rule(server.version[:2])  # type: ignore[arg-type]
    server.ask("ACL", "SETUSER", "least", "reset", "on", ">pw", *rule.split())
    url = Secret(f"redis://least:pw@127.0.0.1:{server.port}/0")
    connection = connect(url, deadline=5.0, max_connections=2)
    yield connection
    await connection.close()


async def test_a_user_with_the_rights_of_the_list_lacks_none(least: Connection) -> None:
    assert await missing_rights(least) == ()


@pytest.mark.parametrize("kind", RightKind)
async def test_each_right_that_is_taken_away_is_named(
    server: RedisServer, least: Connection, kind: RightKind
) -> None:
    """Mutant seen to fail: SET is probed without a key."""
    rule = acl_rule(server.version[:2]).split()  # type: ignore[arg-type]
    named = {}
    for right in RIGHTS:
        if right.kind is kind and right.grant in rule:
            rest = [part for part in rule if part != right.grant]
            server.ask("ACL", "SETUSER", "least", "reset", "on", ">pw", *rest)
            named[right.name] = {each.name for each in await missing_rights(least)}

    # Without EVALSHA nothing can be compared; without EVAL, what Redis has loaded before can.
    assert named == {name: SCRIPTS if name == "EVALSHA" else {name} for name in named}


async def test_keys_that_may_only_be_read_are_missing(
    server: RedisServer, least: Connection
) -> None:
    """Mutant seen to fail: a pattern is probed by HGET alone."""
    server.ask("ACL", "SETUSER", "least", "resetkeys", "%R~router:*", "~arq:*")

    assert [each.grant for each in await missing_rights(least)] == ["~router:*"]


async def test_a_pattern_of_all_channels_does_not_permit_the_subscription(
    server: RedisServer, least: Connection
) -> None:
    """Redis compares the pattern of a PSUBSCRIBE word by word."""
    server.ask("ACL", "SETUSER", "least", "resetchannels", "&router:*")

    assert [each.grant for each in await missing_rights(least)] == ["&router:wake:*"]


async def test_a_redis_that_is_away_is_no_missing_right(tmp_path: Path) -> None:
    connection = connect(Secret(f"unix://{tmp_path}/none"), deadline=1.0, max_connections=2)
    with pytest.raises(JournalUnavailableError):
        await missing_rights(connection)
    await connection.close()
