"""The queries of pages are those of the API, as forms send them."""

import pytest
from aiohttp.test_utils import make_mocked_request

from router.api.keyed_alerts import AlertQuery
from router.api.requests import BadRequestError
from router.console.page_queries import page_query, with_query


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", AlertQuery()),
        ("state=&text=&label=", AlertQuery()),
        ("text=+a+b+&rule=r", AlertQuery(text="a b", rule="r")),
        ("label=team:voice+site:b&label=x:y", AlertQuery(label=("team:voice", "site:b", "x:y"))),
        ("limit=5&counts=true", AlertQuery(limit=5, counts=True)),
    ],
)
def test_empty_fields_are_left_out_and_lists_are_words(query: str, expected: AlertQuery) -> None:
    request = make_mocked_request("GET", f"/console/alerts?{query}")

    assert page_query(request, AlertQuery) == expected


@pytest.mark.parametrize("query", ["limit=many", "nothing=1"])
def test_a_wrong_parameter_is_named(query: str) -> None:
    request = make_mocked_request("GET", f"/console/alerts?{query}")

    with pytest.raises(BadRequestError, match=query.partition("=")[0]):
        page_query(request, AlertQuery)


def test_a_link_has_what_differs_from_the_defaults() -> None:
    query = AlertQuery(label=("a:b", "c:d"), text="x & y", after="1-ak", counts=True)

    assert (
        with_query("/p", query, after="") == "/p?label=a%3Ab&label=c%3Ad&text=x+%26+y&counts=true"
    )
    assert with_query("/p", AlertQuery()) == "/p"
