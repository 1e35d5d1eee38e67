"""Forms as browsers post them, within a size."""

from typing import Final
from urllib.parse import parse_qs

from aiohttp import web

from router.api.requests import BadRequestError, read_body
from router.media_types import FORM

DEFAULT_LIMIT: Final = 256 * 1024
"""Bytes of a form."""
MAX_FIELDS: Final = 2000
"""Fields of a form: a page of a list that is selected, and some more."""


class PostedForm:
    """The fields of a form. A field may have several values."""

    def __init__(self, fields: dict[str, list[str]]) -> None:
        self._fields = fields

    def text(self, name: str, default: str = "") -> str:
        """Return the first value of a field, with line feeds only as line ends."""
        values = self._fields.get(name)
        return values[0].replace("\r\n", "\n") if values else default

    def texts(self, name: str) -> tuple[str, ...]:
        """Return all values of a field."""
        return tuple(self._fields.get(name, ()))

    def has(self, name: str) -> bool:
        """Return whether the form has a field: a checked box, or the button that was pressed."""
        return name in self._fields


_FORM: Final = web.RequestKey("posted_form", PostedForm)


def form_of(request: web.Request) -> PostedForm:
    """Return the form of a request to a route of ``ConsoleFrame.action``."""
    return request[_FORM]


async def read_form(request: web.Request, *, limit: int = DEFAULT_LIMIT) -> PostedForm:
    """Read the form of a request, for ``form_of`` too.

    Raises:
        BadRequestError: It is no form, too large, too slow, or has too many fields.
    """
    if request.content_type != FORM:
        raise BadRequestError(f"the body must be a form of the type {FORM}", status=415)
    body = await read_body(request, limit=limit)
    try:
        fields = parse_qs(
            body.decode(), keep_blank_values=True, errors="replace", max_num_fields=MAX_FIELDS
        )
    except ValueError:  # a UnicodeDecodeError is one
        raise BadRequestError(
            f"the form is not UTF-8 or has more than {MAX_FIELDS} fields: select fewer rows"
        ) from None
    request[_FORM] = form = PostedForm(fields)
    return form
