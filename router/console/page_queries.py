"""The query of a page: the words of the API, as the forms of browsers send them.

A form sends each of its fields, also those that are empty. A field that the API knows as a list may
have several words in one field.
"""

from typing import Any, TypeVar
from urllib.parse import urlencode

import msgspec
from aiohttp import web
from multidict import MultiDict

from router.api.requests import query_values

T = TypeVar("T", bound=msgspec.Struct)


def page_query(request: web.Request, kind: type[T]) -> T:
    """Return the query of a page as the query of the API.

    Raises:
        BadRequestError: A parameter is unknown or invalid.
    """
    given: MultiDict[str] = MultiDict()
    lists = {each.name for each in msgspec.structs.fields(kind) if each.default == ()}
    for name, value in request.query.items():
        words = value.split() if name in lists else [value.strip()]
        for word in words:
            if word:
                given.add(name, word)
    return query_values(given, kind)


def with_query(path: str, query: msgspec.Struct, **changes: Any) -> str:
    """Return a link to a page with a query, in which fields with their defaults are left out."""
    default = type(query)()
    values: dict[str, Any] = {}
    for name in query.__struct_fields__:
        value = changes.get(name, getattr(query, name))
        if value != getattr(default, name):
            values[name] = str(value).lower() if isinstance(value, bool) else value
    return f"{path}?{urlencode(values, doseq=True)}" if values else path
