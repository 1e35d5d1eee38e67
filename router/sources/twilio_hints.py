"""Why Twilio's signature does not fit, found by trying the URLs that Twilio may have called. Pure.

A proxy changes scheme, host, port, path or the spelling of the query, and Twilio signs the URL that
it called. After a refusal, the signature is compared with those of a bounded number of such URLs. A
hint states only a match that was computed. It goes to operators, never to the sender.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Final
from urllib.parse import quote, unquote, urlsplit

import msgspec

from router.datatypes import Secret
from router.printable import one_printable_line, shortened
from router.sources.contract import RequestHead
from router.sources.twilio_signature import SignatureCheck, find_signing_token

_MAX_TRIED_URLS: Final = 240
_MAX_TOKENS: Final = 4
_MAX_OTHERS: Final = 50
_LONGEST: Final = 2048
"""Characters of a URL that is tried."""
_SHOWN: Final = 200
_HOSTS: Final = ("Host", "X-Forwarded-Host", "X-Original-Host")
_PATHS: Final = ("X-Original-URI", "X-Forwarded-Uri", "X-Original-URL")
_OTHER_SETTINGS: Final = ("algorithm=HMAC_SHA1", "algorithm=HMAC_SHA256")


class TwilioMismatch(msgspec.Struct, frozen=True, kw_only=True):
    """A request whose signature fits no auth token."""

    head: RequestHead
    signature: str
    settings: str
    credentials: str
    fields: str
    auth_tokens: Sequence[Secret]
    other_secrets: Mapping[str, Sequence[Secret]]


def explain_twilio_mismatch(mismatch: TwilioMismatch) -> str:
    """Return a sentence about the near miss that fits; ``""`` if none does."""
    head, tokens = mismatch.head, mismatch.auth_tokens[:_MAX_TOKENS]
    urls = [*head.urls][:_MAX_TOKENS]
    if not urls or max(map(len, urls)) > _LONGEST:
        return ""
    for changed, allowed, sentence in _trials(mismatch):
        if _fits(changed, urls, allowed):
            return sentence
    try:
        # A header of a stranger may make a URL that is none.
        for url in itertools.islice(dict.fromkeys(_urls(head, urls[0])), _MAX_TRIED_URLS):
            if _fits(mismatch, [url], tokens):
                return _sentence(url, urls[0])
    except ValueError:
        pass
    return ""


def _trials(
    mismatch: TwilioMismatch,
) -> Iterator[tuple[TwilioMismatch, Sequence[Secret], str]]:
    """Yield near misses at the right URL: the request, the tokens, and the sentence."""
    tokens = mismatch.auth_tokens[:_MAX_TOKENS]
    for settings in _OTHER_SETTINGS:
        sentence = (
            f"the signature fits with {settings}, and the header"
            " X-Twilio-Webhooks-Signature-Settings says otherwise: a proxy changes headers"
        )
        yield msgspec.structs.replace(mismatch, settings=settings), tokens, sentence
    if mismatch.fields:
        sentence = "the signature fits the URL without the form: a proxy in between changes bodies"
        yield msgspec.structs.replace(mismatch, fields=""), tokens, sentence
    for name, secrets in itertools.islice(mismatch.other_secrets.items(), _MAX_OTHERS):
        sentence = (
            f"the signature fits the auth token of the source {name}: the sender calls the wrong"
            " path, or the tokens are exchanged"
        )
        yield mismatch, secrets[:_MAX_TOKENS], sentence


def _fits(mismatch: TwilioMismatch, urls: Sequence[str], tokens: Sequence[Secret]) -> bool:
    found = find_signing_token(
        signature=mismatch.signature,
        urls=urls,
        auth_tokens=tokens,
        settings=mismatch.settings,
        credentials=mismatch.credentials,
        fields=mismatch.fields,
    )
    return not isinstance(found, SignatureCheck)


def _urls(head: RequestHead, ours: str) -> Iterator[str]:
    """Yield the URLs that Twilio may have called; those with one difference from ours come first."""
    parts = urlsplit(ours)
    base = f"{parts.scheme}://{parts.netloc}"
    for query in _queries(head.query):
        yield base + parts.path + query
    paths, hosts = [*_paths(head, parts.path)], [*_hosts(head, parts.netloc)]
    for path in paths:
        yield base + path + _question(head.query)
    for scheme, host in itertools.product(("https", "http"), hosts):
        yield f"{scheme}://{host}{parts.path}{_question(head.query)}"
    queries = [*_queries(head.query)]
    for scheme, host, path, query in itertools.product(("https", "http"), hosts, paths, queries):
        yield f"{scheme}://{host}{path}{query}"


def _hosts(head: RequestHead, ours: str) -> Iterator[str]:
    texts = [ours, *(head.headers.get(name, "").partition(",")[0].strip() for name in _HOSTS)]
    for text in dict.fromkeys(text for text in texts if 0 < len(text) <= _SHOWN):
        yield text
        name, colon, port = text.rpartition(":")
        if colon and port.isdecimal():
            yield name


def _paths(head: RequestHead, ours: str) -> Iterator[str]:
    prefix = head.headers.get("X-Forwarded-Prefix", "").partition(",")[0].strip().rstrip("/")
    originals = (head.headers.get(name, "").partition("?")[0] for name in _PATHS)
    texts = [ours, head.path, prefix + head.path, *originals]
    for text in dict.fromkeys(text for text in texts if len(text) <= _SHOWN):
        path = urlsplit(text).path if "://" in text else text
        yield path
        yield path.rstrip("/")
        yield path.rstrip("/") + "/"


def _queries(query: str) -> Iterator[str]:
    yield _question(query)
    if not query:
        return
    decoded = unquote(query, errors="surrogateescape")
    yield _question(decoded)
    yield _question(query.replace("+", "%20"))
    yield _question(query.replace("%20", "+"))
    yield _question(quote(decoded, safe="=&+", errors="surrogateescape"))
    yield _question("&".join(sorted(query.split("&"))))
    yield ""


def _question(query: str) -> str:
    return f"?{query}" if query else ""


def _sentence(found: str, ours: str) -> str:
    theirs, mine = urlsplit(found), urlsplit(ours)
    shown, own = (_shown(f"{each.scheme}://{each.netloc}{each.path}") for each in (theirs, mine))
    fits = "the signature fits the auth token but not the URL"
    if shown == own:
        how = "has another spelling or order of" if theirs.query else "has none of"
        return f"{fits}: Twilio's {how} the query, which a proxy changes"
    advice = "set ROUTER_PUBLIC_URL to the URL that Twilio calls, without its query"
    if (theirs.scheme, theirs.netloc, theirs.path) == ("https", mine.netloc, mine.path):
        advice = (
            "the proxy in front must send X-Forwarded-Proto and be in ROUTER_TRUSTED_PROXIES, or"
            f" {advice}"
        )
    return f"{fits}: Twilio called {shown}, and the router saw {own}: {advice}"


def _shown(url: str) -> str:
    return shortened(one_printable_line(url), _SHOWN)
