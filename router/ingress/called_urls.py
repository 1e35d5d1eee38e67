"""The URLs that a sender may have called, as its signature covers them."""

from aiohttp import web

from router.ingress.forwarded import Sender, called_target, check_base_url
from router.sources import twilio_signature


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
