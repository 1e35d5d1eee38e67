"""Replies and events of sentinels, and the role of a server, as values."""

from typing import Any

import pytest
from redis.exceptions import (
    AuthenticationError,
    NoPermissionError,
    ResponseError,
)
from redis.exceptions import ConnectionError as RedisConnectionError

from router.journal.sentinel import (
    AbortEvent,
    FailoverEvent,
    NamedPrimary,
    NoPrimaryError,
    SentinelEvent,
    SentinelProblem,
    SwitchEvent,
    newest,
    no_primary,
    no_primary_error,
    read_answer,
    read_event,
    role_problem,
    sentinel_problem,
)
from router.settings.sentinel_url import NodeAddress

SENTINEL = NodeAddress("sentinel", 26379)
OTHER = NodeAddress("other", 26379)
STATE = {
    b"name": b"main",
    b"ip": b"10.0.0.1",
    b"flags": b"master,s_down",
    b"config-epoch": b"7",
    b"num-slaves": b"2",
    b"num-other-sentinels": b"2",
    b"quorum": b"2",
}
LIST = [word for field in STATE.items() for word in field]


@pytest.mark.parametrize("state", [LIST, STATE])
def test_an_answer_has_the_address_of_one_reply_and_the_state_of_the_other(state: Any) -> None:
    assert read_answer(SENTINEL, [b"10.0.0.2", b"6380"], state) == NamedPrimary(
        sentinel=SENTINEL,
        address=NodeAddress("10.0.0.2", 6380),
        epoch=7,
        is_down=True,
        replicas=2,
        sentinels=3,
        quorum=2,
    )


@pytest.mark.parametrize(
    ("address", "state"),
    [
        (None, LIST),
        ([b"10.0.0.2"], LIST),
        ([b"10.0.0.2", b"x"], LIST),
        ([b"10.0.0.2", b"6380"], None),
        ([b"10.0.0.2", b"6380"], b"OK"),
        ([b"10.0.0.2", b"6380"], []),
        ([b"10.0.0.2", b"6380"], {**STATE, b"config-epoch": b"x"}),
        (b"no", {}),
    ],
)
def test_a_reply_of_another_form_names_no_primary(address: Any, state: Any) -> None:
    with pytest.raises(ValueError, match="names no primary"):
        read_answer(SENTINEL, address, state)


@pytest.mark.parametrize(
    ("channel", "data", "event"),
    [
        ("+switch-master", "main 10.0.0.1 6379 10.0.0.2 6380", SwitchEvent(NodeAddress("10.0.0.2", 6380))),
        ("+switch-master", "main ::1 6379 ::2 6380", SwitchEvent(NodeAddress("::2", 6380))),
        ("+switch-master", "another 10.0.0.1 6379 10.0.0.2 6380", None),
        ("+switch-master", "main 10.0.0.1 6379", None),
        ("+switch-master", "main 10.0.0.1 6379 10.0.0.2 x", None),
        ("+switch-master", "", None),
        ("+failover-state-select-slave", "master main 10.0.0.1 6379", FailoverEvent()),
        ("+failover-state-select-slave", "master another 10.0.0.1 6379", None),
        ("-failover-abort-no-good-slave", "master main 10.0.0.1 6379", AbortEvent()),
        ("-failover-abort-slave-timeout", "master main 10.0.0.1 6379", AbortEvent()),
        ("+sdown", "master main 10.0.0.1 6379", None),
        ("+sdown", "slave 10.0.0.2:6380 10.0.0.2 6380 @ main 10.0.0.1 6379", None),
    ],
)  # fmt: skip
def test_events_of_the_service_are_read(
    channel: str, data: str, event: SentinelEvent | None
) -> None:
    assert read_event(channel.encode(), data.encode(), "main") == event


@pytest.mark.parametrize(
    ("info", "problem"),
    [
        (b"# Replication\r\nrole:master\r\nconnected_slaves:2\r\n", ""),
        ("# Replication\nrole:master\n", ""),
        (b"# Replication\r\nrole:slave\r\nmaster_host:10.0.0.1\r\n", "is a replica"),
        (b"# Replication\r\nrole:sentinel\r\n", "did not say that it is the primary"),
        (b"", "did not say that it is the primary"),
        (None, "did not say that it is the primary"),
        (b"slave0:ip=10.0.0.1,role:master\r\n", "did not say that it is the primary"),
    ],
)
def test_a_server_is_the_primary_only_if_it_says_so(info: Any, problem: str) -> None:
    assert role_problem(info) == problem


@pytest.mark.parametrize(
    ("error", "reason", "is_url_wrong"),
    [
        (TimeoutError(), "did not answer in time", False),
        (AuthenticationError("x"), "rejects sentinel_username or sentinel_password", True),
        (AuthenticationError("Authentication required."), "asks for a password of its own", True),
        (NoPermissionError("x"), "forbids its user a command", True),
        (ResponseError("No such master with that name"), "monitors no such service", True),
        (ResponseError("unknown command 'SENTINEL', with args"), "is not a sentinel", True),
        (
            ResponseError("IDONTKNOW I have not enough information"),
            "answered 'IDONTKNOW I have",
            False,
        ),
        (RedisConnectionError("Connection closed by server."), "closed the connection", False),
        (ConnectionRefusedError(111, ""), "refuses the connection", False),
        (ValueError("answered 'x', which names no primary"), "answered 'x'", False),
        (RedisConnectionError("x" * 1000), "gave no answer (ConnectionError)", False),
    ],
)
def test_an_error_of_a_sentinel_is_a_reason(
    error: Exception, reason: str, *, is_url_wrong: bool
) -> None:
    problem = sentinel_problem(error)
    assert problem.reason.startswith(reason)
    assert problem.is_url_wrong == is_url_wrong
    assert len(problem.reason) <= 220
    assert problem.advice


@pytest.mark.parametrize(
    ("wrong", "is_url_wrong"),
    [((True, True), True), ((True, False), False), ((False, False), False)],
)
def test_the_url_is_wrong_if_every_sentinel_says_so(
    wrong: tuple[bool, bool], *, is_url_wrong: bool
) -> None:
    one, other = (SentinelProblem(reason="does not", is_url_wrong=each) for each in wrong)
    error = no_primary("main", {SENTINEL: one, OTHER: other})
    assert str(error) == (
        "no sentinel names the primary of 'main': sentinel:26379 does not, other:26379 does not;"
        " start it, or correct its address in ROUTER_REDIS_URL"
    )
    assert error.is_url_wrong == is_url_wrong


def test_the_cause_of_an_error_of_redis_py_is_found() -> None:
    cause = NoPrimaryError("none")
    error = RedisConnectionError("none")
    error.__cause__ = cause
    assert no_primary_error(error) is cause
    assert no_primary_error(RedisConnectionError("another")) is None


@pytest.mark.parametrize(("epochs", "chosen"), [((), None), ((3,), 0), ((1, 3, 2), 1), ((2, 2), 0)])
def test_the_answer_with_the_highest_epoch_is_the_newest(
    epochs: tuple[int, ...], chosen: int | None
) -> None:
    answers = [
        NamedPrimary(sentinel=NodeAddress("s", port), address=SENTINEL, epoch=epoch)
        for port, epoch in enumerate(epochs, 1)
    ]
    assert newest(answers) is (None if chosen is None else answers[chosen])
