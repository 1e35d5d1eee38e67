"""Describe the answer to a request, or why there is none, in a line for its sender (pure)."""

from typing import Final
from urllib.parse import urlsplit

from router.destinations.transport import network_errors

_SHOWN: Final = 200
"""Characters of an answer that is not one of the router."""
_ROUTER: Final = "router dev or router run starts a router"
_HINTS: Final = {
    "connection refused": f"nothing listens there; {_ROUTER}",
    "no route to host": "correct the host, or look for a firewall",
    "name not found": "correct the host",
    "malformed answer": "what listens there speaks no HTTP; correct the port",
}
_TLS_HINTS: Final = {
    "TLS handshake failed": "the port may speak no TLS; write http://",
    "TLS certificate from an unknown authority": "name that authority's certificate in SSL_CERT_FILE",
    "TLS certificate self-signed": "name the certificate in SSL_CERT_FILE",
    "TLS certificate for another host name": "write the host for which it is",
}
_PLAIN_HINTS: Final = dict.fromkeys(
    ("connection closed before the answer", "connection reset"),
    "the port may speak TLS; write https://",
)


def describe_failure(url: str, error: BaseException, seconds: float) -> str:
    """Return why there is no answer.

    Args:
        url: The URL that was called.
        error: What was raised.
        seconds: For how long an answer was waited for.
    """
    if isinstance(error, TimeoutError):
        return f"no answer within {seconds:g} s"
    reason = network_errors.outcome(error, otherwise=str(error) or "no answer").reason
    of_scheme = _TLS_HINTS if urlsplit(url).scheme.lower() == "https" else _PLAIN_HINTS
    hint = _HINTS.get(reason) or of_scheme.get(reason, "")
    return f"{reason}: {hint}" if hint else reason


def describe_answer(status: int, body: str, location: str = "") -> str:
    """Return an answer as a line; of one that is not the router's, what is known of it.

    Args:
        status: The status.
        body: The body.
        location: Where a redirect leads.
    """
    if 300 <= status < 400:
        target = f" to {location.partition('?')[0][:_SHOWN]}" if location else ""
        return f"{status}: redirects{target} are not followed; write the URL of the router itself"
    if body.lstrip()[:1] == "<":
        return f"{status}: a page in HTML or XML, which is not the router's; correct the URL"
    if body.lstrip()[:1] == "{":
        return f"{status} {body}"  # an answer of the router, for people and programs
    return f"{status} {' '.join(body[: 2 * _SHOWN].split())[:_SHOWN]}".rstrip()
