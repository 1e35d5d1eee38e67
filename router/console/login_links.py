"""Links that log a browser in once: ``router dev`` prints one, so that nothing has to be copied."""

from collections.abc import Callable
from typing import Final

import msgspec

from router.api.access import Access, Caller
from router.console.page_links import HOME
from router.console.signed_texts import SignedTexts

LINK: Final = "link"
"""Parameter of the login page that has the text of a link."""
LINK_SECONDS: Final = 600
"""How long a link may be used."""
_PURPOSE: Final = "link"


class _Link(msgspec.Struct, frozen=True, array_like=True):
    id: str
    ends_at: float


class LoginLinks:
    """Makes links and accepts each once.

    A process accepts what it made, or another one with the same tokens; each of them would accept it
    once. ``router dev``, which is one process, is the only one that makes any.

    Args:
        texts: Signs the links.
        now: Returns Unix seconds.
        new_id: Returns a random text.
    """

    def __init__(
        self, texts: SignedTexts, now: Callable[[], float], new_id: Callable[[], str]
    ) -> None:
        self._texts = texts
        self._now = now
        self._new_id = new_id
        self._used: dict[str, float] = {}

    def link(self, caller: Caller) -> str:
        """Return the text of a link that logs in as ``caller``."""
        link = _Link(self._new_id(), self._now() + LINK_SECONDS)
        return self._texts.sign(caller, _PURPOSE, link)

    def use(self, text: str) -> Caller | None:
        """Return whom a link logs in; None if it is no link, has expired or was used."""
        found = self._texts.read(_PURPOSE, text, _Link)
        if found is None:
            return None
        caller, link = found
        now = self._now()
        self._used = {each: until for each, until in self._used.items() if until > now}
        if now >= link.ends_at or link.id in self._used:
            return None
        self._used[link.id] = link.ends_at
        return caller


def login_path(access: Access, now: Callable[[], float], new_id: Callable[[], str]) -> str:
    """Return the path that logs in as the first operator, once.

    Args:
        access: The tokens; there is one of an operator.
        now: Returns Unix seconds.
        new_id: Returns a random text.
    """
    operator = next(caller for _, caller in access.tokens if caller.may_change)
    link = LoginLinks(SignedTexts(access.tokens), now, new_id).link(operator)
    return f"{HOME}/login?{LINK}={link}"
