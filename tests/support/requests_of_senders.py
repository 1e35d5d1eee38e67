"""Requests of senders, for tests of verifiers and mappings."""

from collections.abc import Mapping, Sequence
from ipaddress import ip_address

from multidict import CIMultiDict, CIMultiDictProxy

from router.sources.contract import Refusal, RequestHead, Verifier


def head_of(
    headers: Mapping[str, str],
    *,
    query: str = "",
    urls: Sequence[str] = ("https://events.example.com/in/source",),
    address: str = "192.0.2.7",
    received_at: float = 1_764_000_000.0,
) -> RequestHead:
    return RequestHead(
        method="POST",
        path="/in/source",
        query=query,
        headers=CIMultiDictProxy(CIMultiDict(headers)),
        urls=urls,
        address=ip_address(address),
        peer=ip_address(address),
        received_at=received_at,
    )


async def verdict(verifier: Verifier, head: RequestHead, body: bytes) -> Refusal | None:
    """Look at a request as ingress does: at its head, then at the whole."""
    return verifier.check_head(head) or await verifier.check_body(head, body)
