"""The list of rights: each command of the router is in it, and nothing else is."""

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis.asyncio import Redis

import router
from router.journal.access_rights import (
    ACCEPT_COMMANDS,
    INGRESS_RIGHTS,
    RIGHTS,
    WORKER_RIGHTS,
    AccessRight,
    RightKind,
    acl_rule,
    grants,
    missing,
    probes_of,
)
from router.journal.connection import Connection

ROUTER = Path(router.__file__).parent
PAGE = ROUTER.parent / "docs" / "operate" / "redis.md"
COMMANDS = {right.name for right in RIGHTS if right.kind is RightKind.COMMAND}
BY_NAME = {right.name: right for right in RIGHTS}

IN_LUA = re.compile(r"'([A-Z]{3,})'")
OPTIONS_IN_LUA = {"INCRBY"}
"""Words of a script that are commands elsewhere: an operation of BITFIELD."""
CLIENTS = {"redis", "pipeline", "pipe", "sizes", "records", "subscription"}
"""What the client of Redis, its pipelines and subscriptions are called in the router."""
METHODS = {"delete": "DEL", "config_get": "CONFIG"}
"""Methods of redis-py that do not have the name of their command."""
NOT_COMMANDS = {
    "execute",
    "pipeline",
    "pubsub",
    "get_message",
    "close",
    "aclose",
    "execute_command",
}
PACKED = re.compile(r"\(\s*\"([A-Z]{3,})\",")
"""A command that is sent as a tuple."""
OF_PACKED = {"CONFIG"}
"""Commands without which the router works: the user may not read the passwords of Redis's settings."""
SENT_BY_REDIS_PY = {"MULTI", "EXEC", "SELECT", "CLIENT|SETNAME", "CLIENT|SETINFO"}


async def commands_in_lua(connection: Connection) -> set[str]:
    known = {
        name.decode().upper() for name in await connection.redis.execute_command("COMMAND LIST")
    }
    words = {
        word
        for path in ROUTER.rglob("*.lua")
        for word in IN_LUA.findall(re.sub(r"--[^\n]*", "", path.read_text("utf-8")))
    }
    return (words & known) - OPTIONS_IN_LUA


def calls_on_clients(tree: ast.AST) -> Iterator[str]:
    """The methods that are called on a client of Redis, or on the result of such a call."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner: ast.expr = node.func.value
            while isinstance(owner, ast.Call) and isinstance(owner.func, ast.Attribute):
                owner = owner.func.value
            name = owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", "")
            if name in CLIENTS and inspect.isroutine(getattr(Redis, node.func.attr, None)):
                yield node.func.attr


def commands_in_python() -> set[str]:
    sources = [path.read_text("utf-8") for path in ROUTER.rglob("*.py")]
    readers = [source for source in sources if re.search(r"\bredis\b|\bsubscription\b", source)]
    methods = {name for source in readers for name in calls_on_clients(ast.parse(source))}
    methods |= {"subscribe", "psubscribe"}  # those of a subscription, which Redis does not have
    packed = {name for source in sources for name in PACKED.findall(source)}
    dicts = {"keys", "items", "values", "append", "pop", "restore"}  # of a dict named as a client
    found = {METHODS.get(name, name.upper()) for name in methods - NOT_COMMANDS - dicts}
    return found | (packed & COMMANDS | {name for name in packed if name in OF_PACKED})


async def test_the_list_has_each_command_of_the_router_and_no_other(
    connection: Connection,
) -> None:
    """Mutant seen to fail: a right of OBJECT, or none of HRANDFIELD."""
    used = await commands_in_lua(connection) | commands_in_python() | SENT_BY_REDIS_PY

    assert used - OF_PACKED == COMMANDS


def test_a_rule_for_an_older_redis_names_no_later_command() -> None:
    """Redis 7.0 rejects the whole rule. Mutant seen to fail: ``since`` is not compared."""
    assert {"+waitaof", "+client|setinfo"}.isdisjoint(acl_rule((7, 0)).split())
    assert {"+waitaof", "+client|setinfo"} < set(acl_rule((7, 2)).split())
    assert len(acl_rule((7, 2)).split()) == len(RIGHTS) + 3


def test_processes_that_only_accept_need_a_part_of_what_workers_need() -> None:
    assert set(INGRESS_RIGHTS) < set(WORKER_RIGHTS) < set(RIGHTS)
    assert {right.name for right in INGRESS_RIGHTS} > ACCEPT_COMMANDS


def denied(*names: str, commands: tuple[str, ...] = ()) -> tuple[AccessRight, ...]:
    rights = [BY_NAME[name] for name in ("HGET", "SET", "HSET", "router:*", "arq:job:*")]
    probes = probes_of(rights)
    positions = [
        position
        for position, probe in enumerate(probes)
        if probe.right.name in names or probe.command[0] in commands
    ]
    return missing(probes, positions)


@pytest.mark.parametrize(
    ("names", "commands", "expected"),
    [
        ((), (), ()),
        (("HSET",), (), ("HSET",)),
        (("router:*",), (), ("router:*",)),
        (("router:*", "arq:job:*", "SET"), (), ("router:*", "arq:job:*")),
        ((), ("HGET",), ("HGET",)),  # not the keys, of which HSET shows that they are permitted
        (("router:*", "SET"), (), ("router:*",)),  # SET is probed with a key
        (("arq:job:*", "SET"), (), ("SET", "arq:job:*")),
    ],
)
def test_what_is_missing(
    names: tuple[str, ...], commands: tuple[str, ...], expected: tuple[str, ...]
) -> None:
    assert tuple(right.name for right in denied(*names, commands=commands)) == expected


def test_the_page_about_redis_has_the_rule_and_what_each_right_is_needed_for() -> None:
    groups: dict[str, list[str]] = {}
    for right in RIGHTS:
        groups.setdefault(right.needed_for, []).append(f"`{right.grant}`".replace("|", "\\|"))
    page = PAGE.read_text("utf-8")

    assert f"```\n{acl_rule()}\n```" in page
    assert "\n".join(f"| {needed} | {' '.join(them)} |" for needed, them in groups.items()) in page


def test_a_grant_is_a_fragment_of_an_acl_rule() -> None:
    rights = [BY_NAME[name] for name in ("HSET", "CLIENT|SETNAME", "router:*", "router:wake:*")]

    assert grants(rights) == "+hset +client|setname ~router:* &router:wake:*"
