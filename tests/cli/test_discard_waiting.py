"""``router deliveries discard`` on a real Redis."""

import asyncio
from collections.abc import Callable

import msgspec
import pytest
from click.testing import CliRunner, Result
from support.lanes import Outbox, message

from router.cli import main
from router.clock import system_clock
from router.datatypes import Secret
from router.journal.connection import connect

Discard = Callable[..., Result]


@pytest.fixture
def discard(redis_url: Secret, tmp_path: object) -> Discard:
    """Run the command; ten deliveries of "pager" wait."""

    async def fill() -> None:
        connection = connect(redis_url, deadline=5.0, max_connections=2)
        await Outbox(connection, system_clock()).open(*map(message, range(10)))
        await connection.close()

    asyncio.run(fill())
    environ = {"ROUTER_REDIS_URL": redis_url.reveal(), "ROUTER_RULES": str(tmp_path)}

    def run(*options: str, typed: str = "") -> Result:
        command = ("deliveries", "discard", "--destination", *options)
        return CliRunner().invoke(main, command, input=typed, env=environ)

    return run


def test_deliveries_are_counted_and_then_discarded(discard: Discard) -> None:
    counted = discard("pager", "--all", "--dry-run")
    assert counted.stdout == "10 deliveries would be discarded\n"
    assert discard("pager", "--all", typed="n\n").exit_code == 1
    assert discard("pager", "--rule", "nope", "--yes").stdout == "0 deliveries discarded\n"

    asked = discard("pager", "--rule", "rule-0", typed="y\n")
    assert asked.stdout == "10 deliveries discarded\n"
    assert "Discard 10 deliveries to pager for good?" in asked.stderr
    last = discard("pager", "--all", "--json")
    assert msgspec.json.decode(last.stdout) == {"discarded": 0, "in_flight": 0}


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (["pager"], "give --rule, --older-than, --newer-than or --all"),
        (["pager", "--older-than", "soon"], "--older-than: "),
        (["nail", "--all"], "there is no destination 'nail', there are: pager"),
    ],
)
def test_a_selection_that_is_wrong_is_an_error(
    discard: Discard, options: list[str], error: str
) -> None:
    result = discard(*options)

    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(f"router: {error}")
