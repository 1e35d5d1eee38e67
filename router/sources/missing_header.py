"""Hints about a header that a request should have and has not. Pure."""

import re
from typing import Final

from router.sources.contract import RequestHead
from router.sources.signature_headers import SENDER_HEADERS

_LIKE: Final = re.compile(
    r"[a-z0-9-]*(?:signature|hmac|digest|token|api-?key|authorization)[a-z0-9-]*"
)
_SHOWN: Final = 3
_LONGEST_NAME: Final = 60
_MAX_HEADERS: Final = 200


def missing_header_hint(head: RequestHead, wanted: str, otherwise: str) -> str:
    """Return what the request has instead of the header ``wanted``.

    Args:
        head: The request. Names of headers are shown, and no values.
        wanted: The header that is missing.
        otherwise: The hint if no other header is like it.
    """
    names = [name.lower() for name in [*head.headers][:_MAX_HEADERS]]
    for name in names:
        verifier = SENDER_HEADERS.get(name)
        if verifier and name != wanted.lower():
            return (
                f"the request has the header {name} of the verifier {verifier}: is it the path of"
                " another source, or does the source need that verifier?"
            )
    like = [
        name
        for name in names
        if len(name) <= _LONGEST_NAME and name != wanted.lower() and _LIKE.fullmatch(name)
    ]
    if like:
        shown = ", ".join(like[:_SHOWN])
        return f"the request has {shown}, and the source reads {wanted}"
    return otherwise
