"""Replay and discard of stored records from a page: of those that are selected, or of all that match.

An action on all goes page by page for a few seconds; what is left then, the page offers again.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from http import HTTPStatus
from typing import Any, Final, NamedTuple, Protocol, TypeVar

import msgspec
from aiohttp import web

from router.api.access import caller_of
from router.api.records import RecordsApi, RecordSelection
from router.api.requests import BadRequestError
from router.console.page_forms import PostedForm
from router.quantities import counted

ACTION_SECONDS: Final = 8.0
"""How long one action goes on page after page."""
COUNT_SECONDS: Final = 0.5
"""How long a page counts at most."""
_FILTERS: Final = ("rule", "reason", "older_than", "newer_than")


class RecordWords(NamedTuple):
    """The nouns for one record and for several."""

    one: str
    several: str


class RecordCount(NamedTuple):
    """How many records match a filter."""

    amount: int
    is_exact: bool
    """False if there are more, which were not counted."""
    in_flight: int = 0
    """Deliveries that match and that a worker has."""

    @property
    def text(self) -> str:
        """``12``, or ``more than 2,000``."""
        return f"{self.amount:,}" if self.is_exact else f"more than {self.amount:,}"


class _Page(Protocol):
    """One page of an action on records."""

    @property
    def after(self) -> str: ...
    @property
    def until(self) -> int: ...


SelectionT = TypeVar("SelectionT", bound=msgspec.Struct)
PageT = TypeVar("PageT", bound=_Page)


async def pages_of(
    step: Callable[[SelectionT], Awaitable[PageT]], selection: SelectionT, seconds: float
) -> AsyncIterator[PageT]:
    """Run an action page after page, for some seconds at most; return the result of each page.

    There is more to do if the last one has a cursor.
    """
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    while True:
        page = await step(selection)
        yield page
        if not page.after or loop.time() > until:
            return
        selection = msgspec.structs.replace(selection, after=page.after, until=page.until)


def wrong_filter(error: BadRequestError) -> str:
    """Return what is wrong with a filter, for its page; raise any other error again."""
    if error.status != HTTPStatus.BAD_REQUEST:
        raise error
    return str(error)


async def count_matching(
    request: web.Request, api: RecordsApi[Any, Any], selection: RecordSelection
) -> RecordCount:
    """Return how many records match, counted for half a second at most."""
    wanted = msgspec.structs.replace(selection, dry_run=True)
    caller, amount, after = caller_of(request), 0, ""
    async for page in pages_of(lambda each: api.replay_page(each, caller), wanted, COUNT_SECONDS):
        amount, after = amount + page.replayed, page.after
    return RecordCount(amount, is_exact=not after)


async def act_on_records(
    request: web.Request, api: RecordsApi[Any, Any], form: PostedForm, words: RecordWords
) -> tuple[str, str]:
    """Replay or discard what a form names; return a sentence and its kind.

    The field ``do`` is replay or discard, with ``-all`` for all that match the filters of the form;
    ``select`` has the ids otherwise.

    Raises:
        BadRequestError: Nothing is selected, or a filter is wrong.
    """
    action, _, scope = form.text("do").partition("-")
    values: dict[str, Any] = {}
    if "destination" in api.selection_type.__struct_fields__:
        values["destination"] = form.text("destination")
    if scope == "all":
        known = api.selection_type.__struct_fields__
        values |= {name: form.text(name) for name in _FILTERS if name in known}
        values["all"] = not any(values[name] for name in _FILTERS if name in known)
    else:
        values["ids"] = form.texts("select")
        if not values["ids"]:
            raise BadRequestError(f"select at least one: no {words.one} was selected")
    selection = api.selection_type(**values)
    if action not in {"replay", "discard"}:
        raise BadRequestError("the form asks for nothing that this page does")
    if action == "discard":
        return await _discard(request, api, selection, words)
    return await _replay(request, api, selection, words)


async def _replay(
    request: web.Request,
    api: RecordsApi[Any, Any],
    selection: RecordSelection,
    words: RecordWords,
) -> tuple[str, str]:
    caller, replayed, overtaken, after = caller_of(request), 0, 0, ""
    async for page in pages_of(
        lambda each: api.replay_page(each, caller), selection, ACTION_SECONDS
    ):
        replayed, overtaken = replayed + page.replayed, overtaken + page.overtaken
        after = page.after
    said = f"Replayed {counted(replayed, words.one, words.several)}."
    if overtaken:
        later = "was told something later" if overtaken == 1 else "were told something later"
        said += f" Dropped {overtaken:,} of which the receiver {later}."
    if selection.ids and replayed + overtaken < len(selection.ids):
        missing = len(selection.ids) - replayed - overtaken
        said += f" {missing:,} stayed: they are gone, or would be given up again as they are."
    return _said(said, replayed + overtaken, has_more=bool(after))


async def _discard(
    request: web.Request,
    api: RecordsApi[Any, Any],
    selection: RecordSelection,
    words: RecordWords,
) -> tuple[str, str]:
    caller, discarded, after = caller_of(request), 0, ""
    async for page in pages_of(
        lambda each: api.discard_page(each, caller), selection, ACTION_SECONDS
    ):
        discarded, after = discarded + page.discarded, page.after
    said = f"Discarded {counted(discarded, words.one, words.several)}."
    return _said(said, discarded, has_more=bool(after))


def _said(said: str, changed: int, *, has_more: bool) -> tuple[str, str]:
    if has_more:
        return f"{said} There are more: press the button again.", "warning"
    return said, "good" if changed else "warning"
