"""The headers and the parameters of the query as expressions read them. Pure.

Credentials are left out, because an event is stored, evaluated and delivered: ``data: headers`` must
send no password to a destination.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from router.sources.contract import RequestHead, VerifierConfig
from router.sources.request_body import decoded_text, query_fields

CREDENTIAL_HEADERS: Final = frozenset({"authorization", "proxy-authorization", "cookie"})
"""The headers that no expression of any source reads."""


class RequestFields:
    """Reads the headers and the query of the requests of one source.

    Args:
        verifiers: The options of its verifiers, which know where a secret stands in a request.
    """

    def __init__(self, verifiers: Iterable[VerifierConfig]) -> None:
        places = [each.credential_places() for each in verifiers]
        self._hidden_headers = CREDENTIAL_HEADERS | {
            name.lower() for each in places for name in each.headers
        }
        self._hidden_parameters = {name for each in places for name in each.parameters}

    def headers(self, head: RequestHead) -> dict[str, str]:
        """Return the headers by names in lower case; of a repeated one the first value."""
        return _first_values(head.headers, self._hidden_headers)

    def query(self, head: RequestHead) -> dict[str, Any]:
        """Return the parameters of the query; a repeated one as a list. Raise EventError."""
        fields = query_fields(head.query)
        return {name: fields[name] for name in fields if name not in self._hidden_parameters}


def _first_values(headers: Mapping[str, str], hidden: Iterable[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in headers.items():
        found.setdefault(name.lower(), decoded_text(value))
    for name in hidden:
        found.pop(name, None)
    return found
