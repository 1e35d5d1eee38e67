"""A Redis that starts with the files of deploy/redis passes every check of the router."""

import shutil
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import AuthenticationError
from support.missing_rights import missing_rights
from support.redis_servers import RedisServer

from router.datatypes import Secret
from router.journal.access_rights import WORKER_RIGHTS, acl_rule
from router.journal.connection import connect
from router.journal.store_check import StoreProbe

FILES = Path(__file__).parents[2] / "deploy" / "redis"


def test_the_rule_of_the_file_is_that_of_the_code() -> None:
    """``router.journal.access_rights.acl_rule`` returns it."""
    lines = (FILES / "users.acl").read_text().splitlines()

    assert lines[-1] == f"user router on >change-me-too {acl_rule()}"


async def test_a_redis_with_these_files_lacks_nothing(tmp_path: Path) -> None:
    shutil.copytree(FILES, tmp_path, dirs_exist_ok=True)
    with RedisServer(tmp_path, config_file=str(tmp_path / "redis.conf")) as server:
        with pytest.raises(AuthenticationError), Redis(port=server.port) as stranger:
            stranger.ping()
        url = Secret(f"redis://router:change-me-too@127.0.0.1:{server.port}/0")
        connection = connect(url, deadline=5.0, max_connections=2)
        missing = await missing_rights(connection)
        check = await StoreProbe(connection, lambda: "a", WORKER_RIGHTS).check()
        await connection.close()

    assert [right.name for right in missing if right.since == (7, 0)] == []
    assert (check.refusal, check.durability_problems) == ("", ())
    assert check.info["maxmemory"] == str(1 << 30)
