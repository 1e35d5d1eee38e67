"""Each state in which Redis takes no commands or writes is recognised, by its own reply."""

from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import (
    ClusterDownError,
    MasterDownError,
    MovedError,
    NoPermissionError,
    ResponseError,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from support import least_rights
from support.redis_servers import RedisServer

from router.datatypes import Secret
from router.errors import JournalUnavailableError
from router.journal.connection import Connection, connect
from router.journal.script import PlainArguments, Script, ScriptKeys
from router.journal.store_errors import ReconnectPace, reconnects, store_error

ASKS_AS_ROUTER = True
"""See ``support.least_rights``: what these tests ask goes through the connection that they are about."""


class _Keys(ScriptKeys, frozen=True):
    key: str


class _Arguments(PlainArguments, frozen=True):
    value: str


WRITE = Script("write", _Keys, _Arguments, "return redis.call('SET', KEYS[1], ARGV[1])")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with RedisServer(tmp_path_factory.mktemp("redis") / "data") as server:
        server.ask("ACL", "SETUSER", "admin", "on", ">admin", "~*", "&*", "+@all")
        yield server


def is_replica(server: RedisServer) -> None:
    server.ask("REPLICAOF", "127.0.0.1", "1")


def has_lost_its_primary(server: RedisServer) -> None:
    server.ask("CONFIG", "SET", "replica-serve-stale-data", "no")
    server.ask("REPLICAOF", "127.0.0.1", "1")


def lacks_replicas(server: RedisServer) -> None:
    server.ask("CONFIG", "SET", "min-replicas-to-write", "1")


def is_full(server: RedisServer) -> None:
    server.ask("CONFIG", "SET", "maxmemory", "1")


def user_may_not_write(server: RedisServer) -> None:
    server.ask("ACL", "SETUSER", least_rights.USER, "-@write")


def user_may_not_run_scripts(server: RedisServer) -> None:
    server.ask("ACL", "SETUSER", least_rights.USER, "-@scripting")


def user_may_not_use_the_key(server: RedisServer) -> None:
    server.ask("ACL", "SETUSER", least_rights.USER, "resetkeys", "~other:*")


def asks_for_a_password(server: RedisServer) -> None:
    server.ask("ACL", "SETUSER", least_rights.USER, "resetpass", ">secret")


def heal(server: RedisServer) -> None:
    with Redis(port=server.port, username="admin", password="admin") as client:
        client.execute_command(
            "ACL", "SETUSER", least_rights.USER, "on", "nopass", "~*", "&*", "+@all"
        )
        client.execute_command("REPLICAOF", "NO", "ONE")
        for name, value in (
            ("replica-serve-stale-data", "yes"),
            ("min-replicas-to-write", "0"),
            ("maxmemory", "0"),
        ):
            client.config_set(name, value)


async def run_script(connection: Connection) -> None:
    await connection.run(WRITE(_Keys("router:a"), _Arguments("1")))


async def run_pipeline(connection: Connection, *, transaction: bool = False) -> None:
    pipeline = connection.redis.pipeline(transaction=transaction)
    pipeline.get("router:a").set("router:a", "1").eval("return redis.call('PING')", 0)
    await connection.ask(pipeline.execute())


async def run_transaction(connection: Connection) -> None:
    await run_pipeline(connection, transaction=True)


@pytest.mark.parametrize(
    ("change", "code", "gives_up"),
    [
        (is_replica, "READONLY", True),
        (has_lost_its_primary, "MASTERDOWN", True),
        (lacks_replicas, "NOREPLICAS", True),
        (is_full, "OOM", False),
        (user_may_not_write, "NOPERM", True),
        (user_may_not_run_scripts, "NOPERM", True),
        (user_may_not_use_the_key, "NOPERM", True),
        (asks_for_a_password, "NOAUTH", True),
    ],
)
@pytest.mark.parametrize("use", [run_script, run_pipeline, run_transaction])
async def test_a_state_is_recognised_on_each_way_to_redis(
    server: RedisServer,
    change: Callable[[RedisServer], None],
    code: str,
    use: Callable[[Connection], Awaitable[None]],
    *,
    gives_up: bool,
) -> None:
    """Mutant seen to fail: ``_CODE`` matches at the start of the text only."""
    change(server)
    connection = connect(server.url, deadline=5.0, max_connections=2)
    with pytest.raises(JournalUnavailableError) as caught:
        await use(connection)
    await connection.close()
    heal(server)
    cause = caught.value.__cause__
    assert cause is not None
    state = store_error(cause)
    assert state is not None, str(cause)
    assert state.code == code
    assert str(caught.value) == f"Redis answers {code}: it {state.reason}; {state.advice}"
    assert reconnects(cause) is gives_up


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("MISCONF Errors writing to the AOF file: No space left on device", "MISCONF"),
        ("UNBLOCKED force unblock from blocking operation, instance state changed", "UNBLOCKED"),
        ("MOVED 3999 127.0.0.1:6381", "MOVED"),
        ("CLUSTERDOWN Hash slot not served", "CLUSTERDOWN"),
        ("BUSY Redis is busy running a script. You can only call SCRIPT KILL", "BUSY"),
        ("DENIED Redis is running in protected mode because", "DENIED"),
        ("ERR max number of clients reached", "max number of clients reached"),
        ("CROSSSLOT Keys in request don't hash to the same slot", "CROSSSLOT"),
        ("Command # 1 (SET a 1) of pipeline caused error: MISCONF Redis is", "MISCONF"),
    ],
)
def test_further_codes(text: str, code: str) -> None:
    state = store_error(ResponseError(text))

    assert state is not None
    assert state.code == code


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (MovedError("3999 127.0.0.1:6381"), "MOVED"),
        (ClusterDownError("Hash slot not served"), "CLUSTERDOWN"),
        (MasterDownError("Link with MASTER is down"), "MASTERDOWN"),
    ],
)
def test_a_code_that_redis_py_8_makes_a_class_of(error: ResponseError, code: str) -> None:
    state = store_error(error)

    assert state is not None
    assert state.code == code


KEYS = "~router:* ~arq:job:* ~arq:in-progress:* ~arq:retry:*"
CHANNELS = "&router:wake:* &router:silences-changed"


@pytest.mark.parametrize(
    ("error", "name", "grant"),
    [
        # Redis 7.0; then 7.2 and later; then Valkey 9
        (
            NoPermissionError("this user has no permissions to run the 'incr' command"),
            "INCR",
            "+incr",
        ),
        (
            NoPermissionError("User a has no permissions to run the 'config|get' command"),
            "CONFIG|GET",
            "+config|get",
        ),
        (
            NoPermissionError(
                "this user has no permissions to access one of the keys used as arguments"
            ),
            "a key",
            KEYS,
        ),
        (NoPermissionError("No permissions to access a key"), "a key", KEYS),
        (
            NoPermissionError(
                "this user has no permissions to access one of the channels used as arguments"
            ),
            "a channel",
            CHANNELS,
        ),
        (NoPermissionError("No permissions to access a channel"), "a channel", CHANNELS),
        (
            ResponseError(
                "The user executing the script can't access at least one of the keys mentioned in"
                " the command arguments script: 86"
            ),
            "a key",
            KEYS,
        ),
        (
            ResponseError(
                "The user executing the script can't publish to the channel mentioned in the"
                " command script: a3"
            ),
            "a channel",
            CHANNELS,
        ),
        (
            ResponseError(
                "ACL failure in script: User a has no permissions to run the 'hset' command"
                " script: 86"
            ),
            "HSET",
            "+hset",
        ),
        # Redis 7.0 does not say which; the next look at Redis does.
        (
            ResponseError(
                "The user executing the script can't run this command or subcommand script: e0"
            ),
            "a command, a key or a channel",
            "the rights of deploy/redis/users.acl, or what ACL LOG names",
        ),
    ],
)
def test_a_missing_right_is_named_with_what_grants_it(
    error: Exception, name: str, grant: str
) -> None:
    """Mutant seen to fail: the text of an error reply is not read."""
    assert str(store_error(error)) == (
        f"Redis answers NOPERM: it forbids the user of ROUTER_REDIS_URL {name}; grant the user {grant}"
    )


@pytest.mark.parametrize(
    "error",
    [
        ResponseError("WRONGTYPE Operation against a key holding the wrong kind of value"),
        ResponseError("NOSCRIPT No matching script. Please use EVAL."),
        RedisConnectionError("Connection closed by server."),
    ],
)
def test_an_error_of_one_command_or_connection_changes_no_other(error: Exception) -> None:
    assert store_error(error) is None
    assert not reconnects(error)


def test_a_missed_deadline_gives_the_connections_up() -> None:
    assert reconnects(TimeoutError())


def given_up(*errors_at: float) -> list[float]:
    pace = ReconnectPace()
    return [at for at in errors_at if pace.may_give_up(at)]


def test_the_pause_between_two_reconnects_doubles_up_to_two_seconds() -> None:
    times = given_up(*(number / 100 for number in range(1000)))

    assert times == pytest.approx([0, 0.13, 0.38, 0.88, 1.88, 3.88, 5.88, 7.88, 9.88], abs=0.03)


def test_after_ten_calm_seconds_the_next_error_reconnects_at_once() -> None:
    assert given_up(0, 0.05, 0.2, 0.3, 10.4, 10.5) == [0, 0.2, 10.4]


@pytest.mark.default_user
async def test_a_wrong_password_is_named_and_not_shown(server: RedisServer) -> None:
    url = Secret(f"redis://nadja:c4nary@127.0.0.1:{server.port}/0")
    connection = connect(url, deadline=5.0, max_connections=2)
    try:
        with pytest.raises(JournalUnavailableError, match="rejects the user or the password") as it:
            await connection.ask(connection.redis.get("a"))
    finally:
        await connection.close()
    assert "c4nary" not in str(it.value)


@pytest.mark.parametrize(
    ("command", "shown"), [("AUTH", "has no command AUTH"), ("EVALSHA", "has no command EVALSHA")]
)
async def test_a_command_that_was_renamed_is_named_without_its_arguments(
    tmp_path: Path, command: str, shown: str
) -> None:
    """Redis repeats them: a password, or an event. Seen to fail: the reply was the text of the error."""
    config = tmp_path / "redis.conf"
    config.write_text(f'rename-command {command} ""\n')
    with RedisServer(tmp_path / "redis", config_file=str(config)) as server:
        url = Secret(f"redis://:canary-of-a-password@127.0.0.1:{server.port}/0")
        if command == "EVALSHA":
            url = Secret(f"redis://127.0.0.1:{server.port}/0")
        connection = connect(url, deadline=5.0, max_connections=1)
        with pytest.raises(JournalUnavailableError) as caught:
            await connection.run(WRITE(_Keys("router:a"), _Arguments("canary-of-an-event")))
        await connection.close()

    assert f"Redis {shown}; remove its rename-command" in str(caught.value)
    assert "canary" not in str(caught.value)


async def test_a_url_without_the_password_is_told_apart_from_a_wrong_one(
    server: RedisServer,
) -> None:
    asks_for_a_password(server)
    found = {}
    for user in ("", f"{least_rights.USER}:wrong@"):
        url = Secret(f"redis://{user}127.0.0.1:{server.port}/0")
        connection = connect(url, deadline=5.0, max_connections=1)
        with pytest.raises(JournalUnavailableError) as caught:
            await connection.ask(connection.redis.ping())
        await connection.close()
        found[user] = str(caught.value)
    heal(server)

    assert "asks for a password, and ROUTER_REDIS_URL has none" in found[""]
    assert "rejects the user or the password" in found[f"{least_rights.USER}:wrong@"]
