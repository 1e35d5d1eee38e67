"""Which failures readiness shows, and which ones end a process at its start."""

import pytest

from router.errors import StreamRejectedError, StreamUnavailableError
from router.ingress.kinesis.stream_health import StreamHealth
from router.journal.shards import ShardId
from router.metrics import Metrics

ONE, OTHER = ShardId("shard-1"), ShardId("shard-2")
DENIED = StreamRejectedError("denied", "AccessDeniedException")
INVALID = StreamRejectedError("invalid", "InvalidArgumentException")
SLOW = StreamUnavailableError("slow", "timeout")


@pytest.fixture
def health() -> StreamHealth:
    return StreamHealth(Metrics())


def test_a_stream_is_not_ready_until_it_was_listed(health: StreamHealth) -> None:
    assert health.not_ready_reason() == "Kinesis: the stream is not open yet"

    health.succeeded(None)

    assert health.not_ready_reason() is None


def test_a_rejection_is_shown_at_once_and_a_delay_when_it_lasts(health: StreamHealth) -> None:
    """Case I6."""
    health.succeeded(None)
    health.failed(ONE, SLOW)
    health.failed(ONE, SLOW)
    assert health.not_ready_reason() is None
    health.failed(ONE, SLOW)
    assert health.not_ready_reason() == "shard shard-1: slow"
    health.failed(OTHER, DENIED)
    assert health.not_ready_reason() == "shard shard-1: slow (and 1 more)"
    health.succeeded(ONE)
    assert health.not_ready_reason() == "shard shard-2: denied"
    health.forget(OTHER)
    assert health.not_ready_reason() is None


@pytest.mark.parametrize(
    ("errors", "has_read", "expected"),
    [
        ({ONE: DENIED, OTHER: DENIED}, False, DENIED),
        ({ONE: DENIED}, False, None),  # the other one may be read
        ({ONE: DENIED, OTHER: INVALID}, False, None),
        ({ONE: DENIED, OTHER: SLOW}, False, None),
        ({ONE: DENIED, OTHER: DENIED}, True, None),
        ({}, False, None),
    ],
)
def test_a_process_ends_if_it_may_read_no_shard(
    errors: dict[ShardId, StreamUnavailableError],
    has_read: bool,  # noqa: FBT001 - a case's own
    expected: StreamUnavailableError | None,
    health: StreamHealth,
) -> None:
    """Cases I6 and I8."""
    if has_read:
        health.succeeded(ONE)
    for shard, error in errors.items():
        health.failed(shard, error)

    assert health.access_error([ONE, OTHER]) is expected
    assert health.access_error([]) is None
