"""The operator API of dead letters and quarantine."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from support.lanes import OTHER, Outbox, message, resolved

from router.clock import Clock
from router.journal.connection import Connection

Ask = Callable[..., Awaitable[tuple[int, Any]]]


@pytest.mark.fault_row(71)
async def test_dead_letters_are_paged_shown_and_moved(ask: Ask) -> None:
    assert await ask("GET", "dead-letters") == (200, {"destinations": ["mail"]})
    _, first = await ask("GET", "dead-letters?destination=mail&limit=3&reason=404")
    _, rest = await ask("GET", f"dead-letters?destination=mail&after={first['after']}")
    found = [letter["id"] for letter in first["dead_letters"] + rest["dead_letters"]]
    assert len(set(found)) == 5

    status, shown = await ask("GET", f"dead-letters/mail/{found[0]}")
    assert (status, shown["letter"]["id"], shown["event"]["specversion"]) == (200, found[0], "1.0")
    assert (await ask("GET", "dead-letters/mail/msg_unknown"))[0] == 404
    assert shown["event"]["data"]["account_sid"] == "***"  # a masked field

    order = {"destination": "mail", "ids": found[:1]}
    _, answer = await ask("POST", "dead-letters/replay", json=order)
    assert answer["replayed"] == 1
    order = {"destination": "mail", "reason": "404", "dry_run": True}
    assert (await ask("POST", "dead-letters/replay", json=order))[1]["replayed"] == 4
    assert (await ask("POST", "dead-letters/discard", json=order))[1]["discarded"] == 4
    order = {"destination": "mail", "all": True, "limit": 3}
    _, answer = await ask("POST", "dead-letters/discard", json=order)
    assert answer["discarded"] == 3
    _, answer = await ask("POST", "dead-letters/discard", json=order)
    assert (answer["discarded"], answer["after"]) == (1, "")


@pytest.mark.parametrize(
    ("method", "path", "body", "message"),
    [
        ("GET", "dead-letters?destination=mail&limit=0", None, "limit: Expected `int` >= 1"),
        ("GET", "dead-letters?destination=mail&after=x", None, "after: 'x' is not a cursor"),
        ("GET", "dead-letters?destination=mail&older_than=1x", None, "older_than: '1x'"),
        (
            "GET",
            "dead-letters?rules=mail",
            None,
            "unknown query parameter 'rules', expected reason, older_than",
        ),
        ("POST", "dead-letters/replay", {"destination": "mail"}, "give ids, a filter or"),
        ("POST", "dead-letters/replay", {}, "missing required field `destination`"),
        ("POST", "quarantine/discard", {"limit": 9999, "all": True}, "Expected `int` <= 1000"),
        ("POST", "quarantine/discard", {"everything": True}, "unknown field `everything`"),
        (
            "POST",
            "quarantine/discard",
            {"ids": ["a", "b"], "limit": 1},
            "ids: there are more than limit, which is 1",
        ),
        ("GET", f"quarantine?older_than={'9' * 400}d", None, "older_than: the duration is too"),
    ],
)
async def test_a_bad_request_is_explained(
    ask: Ask, method: str, path: str, body: object, message: str
) -> None:
    status, answer = await ask(method, path, json=body)
    assert status == 400
    assert message in answer["error"]["message"]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "dead-letters?destination=mails", None),
        ("GET", "dead-letters/mails/msg_1", None),
        ("POST", "dead-letters/replay", {"destination": "mails", "all": True}),
        ("POST", "dead-letters/discard", {"destination": "mails", "all": True}),
        ("POST", "destinations/mails/pause", None),
    ],
)
async def test_a_destination_that_does_not_exist_is_an_error_with_a_hint(
    ask: Ask, method: str, path: str, body: object
) -> None:
    status, answer = await ask(method, path, json=body)

    assert (status, answer["error"]["code"]) == (404, "not_found")
    assert answer["error"]["message"] == "there is no destination 'mails', did you mean \"mail\"?"


async def test_a_destination_without_dead_letters_has_an_empty_list(ask: Ask) -> None:
    assert (await ask("GET", "dead-letters?destination=slack"))[1]["dead_letters"] == []


async def test_quarantine_is_shown_and_discarded(ask: Ask) -> None:
    _, answer = await ask("GET", "quarantine")
    (item,) = answer["quarantine"]
    assert (item["reason"], item["path"], item["can_be_replayed"]) == ("no id", "$[0].id", False)
    assert (await ask("GET", f"quarantine/{item['id']}"))[1]["body"] == "***"  # not JSON
    assert (await ask("POST", "quarantine/replay", json={"all": True}))[1]["replayed"] == 0
    assert (await ask("POST", "quarantine/discard", json={"all": True}))[1]["discarded"] == 1
    assert (await ask("GET", f"quarantine/{item['id']}"))[0] == 404


@pytest.mark.parametrize(
    ("body", "path"), [({"limit": 0}, "$.limit"), ({"ids": [1]}, "$.ids[0]"), ({"a": 1}, "$")]
)
async def test_an_invalid_body_is_rejected_with_its_path(ask: Ask, body: object, path: str) -> None:
    status, answer = await ask("POST", "quarantine/discard", json=body)
    assert (status, answer["error"]["path"]) == (400, path)


async def test_a_replay_says_what_it_dropped(
    ask: Ask, connection: Connection, clock: Clock
) -> None:
    """Case D2: the firing of an alert whose end the receiver has."""
    outbox = Outbox(connection, clock)
    await outbox.open(message(1), message(2, key=OTHER), resolved(3))
    await outbox.give_up()
    await outbox.deliver()

    order = {"destination": "pager", "all": True}
    _, answer = await ask("POST", "dead-letters/replay", json=order)

    assert (answer["replayed"], answer["overtaken"], answer["after"]) == (1, 1, "")
