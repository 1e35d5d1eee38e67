"""Replay and discard of stored records from a page: of those that are selected, or of all that match.

An action on all goes page by page for a few seconds; what is left then, the page offers again.
"""

import asyncio
from http import HTTPStatus
from typing import Any, Final, NamedTuple

import msgspec
from aiohttp import web

from router.api.access import caller_of
from router.api.records import RecordsApi, RecordSelection
from router.api.requests import BadRequestError
from router.console.page_filters import counted
from router.console.page_forms import PostedForm

_SECONDS: Final = 8.0
"""How long one action moves page after page."""
_COUNT_SECONDS: Final = 0.5
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

    @property
    def text(self) -> str:
        """``12``, or ``more than 2,000``."""
        return f"{self.amount:,}" if self.is_exact else f"more than {self.amount:,}"


def wrong_filter(error: BadRequestError) -> str:
    """Return what is wrong with a filter, for its page; raise any other error again."""
    if error.status != HTTPStatus.BAD_REQUEST:
        raise error
    return str(error)


async def count_matching(
    request: web.Request, api: RecordsApi[Any, Any], selection: RecordSelection
) -> RecordCount:
    """Return how many records match, counted for half a second at most."""
    loop = asyncio.get_running_loop()
    until = loop.time() + _COUNT_SECONDS
    amount = 0
    wanted = msgspec.structs.replace(selection, dry_run=True)
    while True:
        result = await api.replay_page(wanted, caller_of(request))
        amount += result.replayed
        if not result.after:
            return RecordCount(amount, is_exact=True)
        if loop.time() > until:
            return RecordCount(amount, is_exact=False)
        wanted = msgspec.structs.replace(wanted, after=result.after, until=result.until)


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
    replayed = overtaken = 0
    until = _deadline()
    while True:
        result = await api.replay_page(selection, caller_of(request))
        replayed += result.replayed
        overtaken += result.overtaken
        selection = msgspec.structs.replace(selection, after=result.after, until=result.until)
        if not result.after or _is_over(until):
            break
    said = f"Replayed {counted(replayed, words.one, words.several)}."
    if overtaken:
        later = "was told something later" if overtaken == 1 else "were told something later"
        said += f" Dropped {overtaken:,} of which the receiver {later}."
    if selection.ids and replayed + overtaken < len(selection.ids):
        missing = len(selection.ids) - replayed - overtaken
        said += f" {missing:,} stayed: they are gone, or would be given up again as they are."
    return _said(said, replayed + overtaken, selection)


async def _discard(
    request: web.Request,
    api: RecordsApi[Any, Any],
    selection: RecordSelection,
    words: RecordWords,
) -> tuple[str, str]:
    discarded = 0
    until = _deadline()
    while True:
        result = await api.discard_page(selection, caller_of(request))
        discarded += result.discarded
        selection = msgspec.structs.replace(selection, after=result.after, until=result.until)
        if not result.after or _is_over(until):
            break
    return _said(f"Discarded {counted(discarded, words.one, words.several)}.", discarded, selection)


def _said(said: str, changed: int, selection: RecordSelection) -> tuple[str, str]:
    if selection.after:
        return f"{said} There are more: press the button again.", "warning"
    return said, "good" if changed else "warning"


def _deadline() -> float:
    return asyncio.get_running_loop().time() + _SECONDS


def _is_over(until: float) -> bool:
    return asyncio.get_running_loop().time() > until
