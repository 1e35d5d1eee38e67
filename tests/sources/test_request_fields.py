"""The headers and the query as expressions read them, without credentials."""

from multidict import CIMultiDict
from support.requests_of_senders import head_of

from router.datatypes import Secret
from router.sources.request_fields import RequestFields
from router.sources.verifiers.api_key import ApiKeyConfig
from router.sources.verifiers.bearer import BearerConfig
from router.sources.verifiers.github import GithubConfig

SECRET = Secret("0123456789abcdef0123")
HEADERS = CIMultiDict(
    [
        ("X-Kind", "first"),
        ("x-kind", "second"),
        ("X-Bytes", "bytes \udce9"),
        ("Authorization", "Bearer t"),
        ("Proxy-Authorization", "Basic p"),
        ("COOKIE", "session=1"),
        ("X-Api-Key", "0123456789abcdef0123"),
    ]
)


def test_headers_have_names_in_lower_case_and_no_credentials():
    fields = RequestFields([GithubConfig(secret=SECRET)])

    assert fields.headers(head_of(HEADERS)) == {
        "x-kind": "first",
        "x-bytes": "bytes \ufffd",
        "x-api-key": "0123456789abcdef0123",
    }


def test_the_secret_of_a_verifier_is_in_neither_headers_nor_query():
    in_header = RequestFields([ApiKeyConfig(secret=SECRET, header="X-API-KEY")])
    in_query = RequestFields([ApiKeyConfig(secret=SECRET, query="code")])
    in_both = RequestFields([BearerConfig(token=SECRET)])

    assert "x-api-key" not in in_header.headers(head_of(HEADERS))
    query = "code=0123&a=1&a=2&c%6Fde=4567&access_token=t"
    assert in_query.query(head_of({}, query=query)) == {"a": ["1", "2"], "access_token": "t"}
    assert in_both.query(head_of({}, query=query)) == {"code": ["0123", "4567"], "a": ["1", "2"]}
