"""``/api/v1/silences``: list, add and end the silences that are made by hand."""

import asyncio
from collections.abc import Callable
from typing import Any, Final

import msgspec
from aiohttp import web

from router.api.auth import error, ok, require_operator
from router.datatypes import Secret
from router.errors import ConditionError, JournalUnavailableError, OverloadedError
from router.journal.silences import Silences, StoredSilence
from router.rules.suppression.silences import SilenceText

BODY_LIMIT: Final = 64 * 1024
_BODY_SECONDS: Final = 10.0


class SilenceView(msgspec.Struct, frozen=True, kw_only=True):
    """A silence as it is shown. Times are as they were written, or Unix seconds."""

    id: str
    state: str
    """``pending``, ``active`` or ``ended``."""
    match: dict[str, Any] | None
    when: str | None
    starts_at: float
    ends_at: float
    author: str
    comment: str
    created_at: float


class SilenceList(msgspec.Struct, frozen=True):
    """The answer to GET."""

    silences: tuple[SilenceView, ...]


def silence_view(posted: StoredSilence, now: float) -> SilenceView:
    """A silence for people and programs. Raises ConditionError."""
    compiled = posted.compiled()
    state = "active" if now >= compiled.starts else "pending"
    return SilenceView(
        id=posted.id,
        state="ended" if now >= compiled.ends else state,
        match=posted.text.match,
        when=posted.text.when,
        starts_at=compiled.starts,
        ends_at=compiled.ends,
        author=posted.text.author,
        comment=posted.text.comment,
        created_at=posted.created_at,
    )


class SilencesApi:
    """Answers for the journal's silences. ``now`` gives Unix seconds."""

    def __init__(self, silences: Silences, token: Secret | None, now: Callable[[], float]) -> None:
        self._silences = silences
        self._token = token
        self._now = now

    def routes(self) -> list[web.RouteDef]:
        path = "/api/v1/silences"
        return [
            web.get(path, require_operator(self.list, self._token)),
            web.post(path, require_operator(self.add, self._token)),
            web.delete(path + "/{id}", require_operator(self.expire, self._token)),
        ]

    async def list(self, _request: web.Request) -> web.Response:
        """All that have not ended, and those that did in the last five days; newest first."""
        try:
            posted = await self._silences.all()
        except JournalUnavailableError as unavailable:
            return error(503, "unavailable", str(unavailable))
        now = self._now()
        return ok(SilenceList(tuple(silence_view(each, now) for each in posted)))

    async def add(self, request: web.Request) -> web.Response:
        """201 with the silence; 400 with the JSON path of what is wrong."""
        try:
            body = await _body(request)
        except TimeoutError:
            return error(408, "body_too_slow", f"the body did not arrive within {_BODY_SECONDS} s")
        if len(body) > BODY_LIMIT:
            return error(413, "too_large", f"a silence has at most {BODY_LIMIT} bytes")
        try:
            text = msgspec.json.decode(body, type=SilenceText)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as wrong:
            return error(400, "not_a_silence", *_explained(wrong))
        return await self._add(text)

    async def _add(self, text: SilenceText) -> web.Response:
        try:
            posted = await self._silences.add(text)
        except ConditionError as wrong:
            hint = f" ({wrong.hint})" if wrong.hint else ""
            of_match = wrong.message.startswith("match:") or text.when is None
            path = "$.match" if of_match else "$.when"
            return error(400, "not_a_silence", wrong.message + hint, path)
        except OverloadedError as full:
            return error(409, "too_many", str(full))
        except JournalUnavailableError as unavailable:
            return error(503, "unavailable", str(unavailable))
        return ok(silence_view(posted, self._now()), 201)

    async def expire(self, request: web.Request) -> web.Response:
        """200 with the silence as it is now, ended; 404 where there is none with this id."""
        try:
            posted = await self._silences.expire(request.match_info["id"])
        except JournalUnavailableError as unavailable:
            return error(503, "unavailable", str(unavailable))
        if posted is None:
            return error(404, "no_such_silence", "there is no silence with this id")
        return ok(silence_view(posted, self._now()))


async def _body(request: web.Request) -> bytes:
    """The body, or a little more than is allowed of it. Raises TimeoutError."""
    body = b""
    async with asyncio.timeout(_BODY_SECONDS):
        while len(body) <= BODY_LIMIT and not request.content.at_eof():
            body += await request.content.read(BODY_LIMIT + 1 - len(body))
    return body


def _explained(wrong: Exception) -> tuple[str, str]:
    """What is wrong, and its JSON path."""
    if not isinstance(wrong, msgspec.MsgspecError):
        return "this is not JSON", "$"
    message, _, path = str(wrong).partition(" - at `")
    named = message.split(" ")[0]
    if not path and named in SilenceText.__struct_fields__:
        return message, f"$.{named}"
    return message, path.rstrip("`") or "$"
