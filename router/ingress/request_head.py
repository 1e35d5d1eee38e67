"""A request as verifiers see it, with the URLs that its sender may have called and signed."""

from collections.abc import Sequence

from aiohttp import web

from router.ingress.forwarded import Sender, called_target, check_base_url, peer_address
from router.sources import twilio_signature
from router.sources.contract import RequestHead


def called_urls(
    request: web.BaseRequest, sender: Sender | None, public_url: str, whole_url: str = ""
) -> list[str]:
    """Return the URLs that the sender may have called, the most likely one first.

    Args:
        request: The request, whose body is not read.
        sender: The sender behind trusted proxies; None if there are none.
        public_url: The URL of the router; ``""`` if it is not configured.
        whole_url: The URL that was called, whatever the path is; ``""`` if it is not configured.

    Raises:
        RequestRejectedError: Neither is configured, and the header Host is malformed.
    """
    base_url, path = f"{request.scheme}://{request.host}", request.raw_path
    if not path.startswith("/"):
        target = called_target(request.scheme, request.host, path)
        base_url, path = target.base_url, target.path
    if public_url or whole_url:
        return twilio_signature.called_urls(public_url, path, whole_url)
    if sender is not None:
        base_url, path = sender.base_url, sender.prefix + path
    check_base_url(base_url)
    return [base_url + path]


def request_head(
    request: web.BaseRequest,
    urls: Sequence[str],
    *,
    received_at: float,
    sender: Sender | None = None,
) -> RequestHead:
    """Return the head of a request.

    Args:
        request: The request.
        urls: The URLs that its sender may have called.
        received_at: Unix time in seconds.
        sender: The sender behind trusted proxies; None if there are none.
    """
    peer = peer_address(request.remote or "")
    target = called_target(request.scheme, request.host, request.raw_path)
    path, _, query = target.path.partition("?")
    return RequestHead(
        method=request.method,
        path=path,
        query=query,
        headers=request.headers,
        urls=urls,
        address=sender.address if sender is not None else peer,
        peer=peer,
        received_at=received_at,
    )
