"""Pages of records in a hash with an index: limited by their number and by their bytes."""

import pytest

from router.journal.connection import Connection
from router.journal.pagination import (
    CHUNK,
    PAGE_BYTES,
    Finder,
    IndexedRecords,
    Matches,
    PageCursor,
    TimeRange,
    collect,
    iterate,
    page,
    page_of_ids,
)

RECORDS, INDEX = "router:dead:noc", "router:dead-index:noc"
STORED = IndexedRecords(RECORDS, INDEX)
LARGE = PAGE_BYTES // 4 + 1
"""Three records of this size fit into a page."""


@pytest.fixture
async def large(connection: Connection) -> list[str]:
    """Ten large records, in the order of their times."""
    members = [f"m{number}" for number in range(10)]
    await connection.redis.hset(RECORDS, mapping=dict.fromkeys(members, b"x" * LARGE))
    await connection.redis.zadd(INDEX, {each: at for at, each in enumerate(members)})
    return members


def finder(connection: Connection) -> Finder[str]:
    async def find(after: PageCursor | None, count: int) -> Matches[str]:
        found = await page(connection, STORED, TimeRange(), after, count=count, newest_first=False)
        return Matches(tuple(member for member, _ in found.items), found.after, found.size)

    return find


async def test_a_page_ends_before_the_record_that_is_too_much(
    connection: Connection, large: list[str]
) -> None:
    """Mutants: the bytes are not summed; the cursor is that of the last member of the index's page."""
    pages = [items async for items in iterate(finder(connection))]

    assert pages == [tuple(large[at : at + 3]) for at in range(0, 10, 3)]


async def test_a_record_larger_than_a_page_is_a_page(connection: Connection) -> None:
    """Mutant: a page may be empty because its first record is too large."""
    await connection.redis.hset(RECORDS, mapping={"a": b"x" * (PAGE_BYTES + 1), "b": b"y"})
    await connection.redis.zadd(INDEX, {"a": 1, "b": 2})

    assert [items async for items in iterate(finder(connection))] == [("a",), ("b",)]


async def test_a_list_ends_when_its_records_are_large(
    connection: Connection, large: list[str]
) -> None:
    """Mutant: the bytes of several pages are not summed; a request then reads all of them."""
    found = await collect(finder(connection), None, count=10)
    following = await collect(finder(connection), found.after, count=10)

    assert (*found.items, *following.items) == tuple(large)[: len(found.items + following.items)]
    assert 3 <= len(found.items) <= 6
    assert found.after is not None


async def test_named_records_come_in_pages_too(connection: Connection, large: list[str]) -> None:
    """Mutants: all ids are read at once; a page after a cursor begins at the first id."""
    ids = [*large[5:], "missing", *large[:2]]
    found: list[str] = []
    sizes = []
    after: PageCursor | None = None
    while True:
        result = await page_of_ids(connection, STORED, ids, after, count=CHUNK)
        found += [member for member, _ in result.items]
        sizes.append(result.size)
        after = result.after
        if after is None:
            break

    assert found == [*large[5:], *large[:2]]
    assert max(sizes) <= PAGE_BYTES
    assert len(sizes) == 3


async def test_members_are_read_up_to_the_count_that_is_asked_for(
    connection: Connection, large: list[str]
) -> None:
    found = await page_of_ids(connection, STORED, large[:2], None, count=1)

    assert (len(found.items), found.after) == (1, PageCursor(0, "m0"))
    last = await page_of_ids(connection, STORED, large[:2], found.after, count=1)
    assert (len(last.items), last.after) == (1, None)
