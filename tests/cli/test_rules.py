"""``router rules`` on a real Redis."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from click.testing import Result
from support.rules_folder import RulesFolder, capture, rule

from router.clock import system_clock
from router.datatypes import Secret
from router.journal.connection import connect
from router.journal.series import Additions, Series

Router = Callable[..., Result]


@pytest.fixture(autouse=True)
def _folder(redis_url: Secret, tmp_path: Path) -> None:
    """Two rules, of which one has matched."""
    rules = "rules:\n" + rule("all", "mail") + rule("trial", "mail", mode="shadow")
    RulesFolder(tmp_path).write(destinations=capture("mail"), rules=rules)

    async def count() -> None:
        connection = connect(redis_url, deadline=5.0, max_connections=1)
        counts = {"rule_matches/all": 5, "alerts_notified/all": 4}
        await Series(connection, system_clock()).add("one", [Additions(1, counts)])
        await connection.close()

    asyncio.run(count())


def test_rules_are_listed_and_shown(router: Router, tmp_path: Path) -> None:
    heading, first, second = router("rules", "list").stdout.splitlines()
    assert heading.split()[:3] == ["RULE", "MODE", "SEVERITY"]
    assert first.split()[:7] == ["all", "live", "warning", "0", "0", "4", "0"]
    assert first.endswith(f"{tmp_path}/rules.yaml:2")
    assert second.split()[:2] == ["trial", "shadow"]

    (shown,) = msgspec.json.decode(router("rules", "list", "--mode", "shadow", "--json").stdout)[
        "rules"
    ]
    assert (shown["name"], shown["last_match_at"]) == ("trial", None)
    text = router("rules", "show", "all").stdout
    assert "last day      5 matches, 0 errors\n              4 alerts notified\n" in text
    assert text.endswith("\n\n{name: all, events: ['*'], send_to: [mail]}\n")
    assert msgspec.json.decode(router("rules", "show", "all", "--json").stdout)["hours"][
        "matches"
    ] == [*[0] * 24, 5]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("show", "al"), "there is no rule 'al', did you mean \"all\"?"),
        (("list", "--destination", "mai"), "there is no destination 'mai', did you mean \"mail\"?"),
    ],
)
def test_a_name_that_does_not_exist_is_an_error(
    router: Router, arguments: tuple[str, ...], message: str
) -> None:
    result = router("rules", *arguments)

    assert (result.exit_code, result.stderr) == (2, f"router: {message}\n")
