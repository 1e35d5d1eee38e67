"""A large set is read in pages, whose deliveries and bytes are limited."""

import pytest
from support.large_sets import fill_digest
from support.opened_set import SET, by_id

from router.alerts import Delivery
from router.journal import keys
from router.journal.connection import Connection
from router.journal.deliveries import FIRST_PAGE, PAGE_BYTES, PAGE_SIZE, Deliveries
from router.journal.delivery_sets import SET_SIZE
from router.journal.keys import SetId
from router.journal.settlements import Done


async def pages(deliveries: Deliveries, set_id: SetId, *, settle: bool = True) -> list[list[str]]:
    """Read the pages of a set to their end; the deliveries of each leave it before the next."""
    found = []
    after: str | None = FIRST_PAGE
    while after is not None:
        page = await deliveries.begin(set_id, "mail", after=after)
        if settle:
            await deliveries.settle([Done(set_id, each) for each in page.deliveries])
        found.append([each.id for each in page.deliveries])
        after = page.after
    return found


async def test_a_set_of_usual_size_is_one_page_of_one_command(
    deliveries: Deliveries, connection: Connection, sample: bytes
) -> None:
    digest = await fill_digest(connection, sample, SET_SIZE, 2000)
    set_id = SetId("usual")
    await connection.redis.rename(keys.delivery_set(digest), keys.delivery_set(set_id))
    await connection.redis.config_resetstat()

    ((*ids,),) = await pages(deliveries, set_id, settle=False)

    assert len(ids) == SET_SIZE
    commands = await connection.redis.info("commandstats")
    assert "cmdstat_hscan" not in commands
    assert commands["cmdstat_hgetall"]["calls"] == 1


@pytest.mark.parametrize("settle", [True, False])
async def test_the_pages_of_a_set_have_each_delivery_once_and_are_full(
    deliveries: Deliveries, connection: Connection, sample: bytes, *, settle: bool
) -> None:
    """Mutants: a page is not cut at PAGE_SIZE; the cursor after a cut page is that after its step."""
    set_id = await fill_digest(connection, sample, 2500, 2000)

    found = await pages(deliveries, set_id, settle=settle)

    assert {each for page in found for each in page} == {f"msg_{number}" for number in range(2500)}
    assert [len(page) for page in found[:2]] == [PAGE_SIZE] * 2
    if settle:
        assert sum(map(len, found)) == 2500
        assert not await connection.redis.exists(keys.delivery_set(set_id), *keys.job_keys(set_id))


@pytest.mark.parametrize(("count", "size"), [(150, 100_000), (40, 500_000)])
async def test_a_page_of_large_deliveries_is_limited_by_its_bytes(
    deliveries: Deliveries, connection: Connection, sample: bytes, count: int, size: int
) -> None:
    """Mutants: the limit of bytes is not compared; a digest of few deliveries is read at once."""
    set_id = await fill_digest(connection, sample, count, size)

    found = await pages(deliveries, set_id)

    assert sum(map(len, found)) == count
    fitting = PAGE_BYTES // size
    # HSCAN returns all members of a bucket: how many more than asked for, chance decides.
    assert all(len(page) <= fitting + 20 for page in found)
    assert len(found[0]) >= fitting


@pytest.mark.default_user
async def test_no_command_reads_much_of_a_large_set_at_once(
    deliveries: Deliveries,
    connection: Connection,
    sample: bytes,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Mutant: the steps of a page are as large as the page."""
    set_id = await fill_digest(connection, sample, 1000, 5000)
    asked: list[int] = []
    scan = connection.redis.hscan

    async def counted(name: str, cursor: str, *, count: int) -> object:
        following, records = await scan(name, cursor, count=count)
        asked.append(len(records))
        return following, records

    monkeypatch.setattr(connection.redis, "hscan", counted)
    await deliveries.begin(set_id, "mail")

    assert max(asked) <= 120
    assert asked[0] <= 20


async def test_where_deliveries_have_left_a_set_the_steps_grow(
    deliveries: Deliveries, connection: Connection, sample: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Mutant: a step that found nothing is repeated with the same size."""
    set_id = await fill_digest(connection, sample, 20_000, 1700)
    first: str | None = FIRST_PAGE
    for _ in range(12):
        assert first is not None
        page = await deliveries.begin(set_id, "mail", after=first)
        await deliveries.settle([Done(set_id, each) for each in page.deliveries])
        first = page.after
    steps = 0
    scan = connection.redis.hscan

    async def counted(*arguments: object, **more: object) -> object:
        nonlocal steps
        steps += 1
        return await scan(*arguments, **more)

    monkeypatch.setattr(connection.redis, "hscan", counted)

    page = await deliveries.begin(set_id, "mail")

    assert len(page.deliveries) == PAGE_SIZE
    assert steps < 60


async def test_the_deliveries_of_a_set_are_listed_without_their_records_in_the_order_of_its_pages(
    deliveries: Deliveries, connection: Connection, sample: bytes
) -> None:
    set_id = await fill_digest(connection, sample, 1200, 2000)

    ids = await deliveries.begin_unread(set_id, "mail")

    page = await deliveries.begin(set_id, "mail")
    assert SET_SIZE <= len(ids) < 2 * SET_SIZE
    assert ids == [each.id for each in page.deliveries][: len(ids)]
    assert await deliveries.read(set_id, "mail", ids[0]) == page.deliveries[0]


async def test_a_set_that_is_gone_ends_when_it_is_listed(
    deliveries: Deliveries, connection: Connection, sample: bytes
) -> None:
    set_id = await fill_digest(connection, sample, 1, 2000)
    await connection.redis.delete(keys.delivery_set(set_id))

    assert await deliveries.begin_unread(set_id, "mail") == []
    assert await deliveries.read(set_id, "mail", "msg_0") is None
    assert not await connection.redis.exists(*keys.job_keys(set_id), keys.deliver_queue("mail"))


async def test_a_rerun_takes_only_what_is_left(
    deliveries: Deliveries, opened: tuple[Delivery, ...]
) -> None:
    await deliveries.settle([Done(SET, opened[0])])

    assert by_id((await deliveries.begin(SET, "mail")).deliveries) == by_id(opened[1:])
