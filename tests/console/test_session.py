"""A cookie is a login for a time, as long as its token is a token of today."""

from collections.abc import Mapping

import pytest
from aiohttp import hdrs, web
from aiohttp.test_utils import make_mocked_request
from support.clock import SetClock

from router.api.access import Access, Caller, Role
from router.console.session import (
    COOKIE,
    IDLE_SECONDS,
    LONGEST_SECONDS,
    RENEW_SECONDS,
    Flash,
    Sessions,
    Visitor,
    is_same_origin,
)
from router.datatypes import Networks
from router.journal.audit import Via
from router.settings.model import Settings
from router.settings.tokens import Tokens

ALICE = Caller("alice", Role.OPERATOR)
BOB = Caller("bob", Role.OPERATOR)


def sessions(
    time: SetClock, admin: str = "alice=correct-horse-alice,bob=correct-horse-bob"
) -> Sessions:
    settings = Settings(
        admin_token=Tokens.parse(admin),
        viewer_token=Tokens.parse("wall=correct-horse-wall"),
        trusted_proxies=Networks.parse("192.0.2.7"),
    )
    clock = time.clock()
    return Sessions(Access(settings), clock.now, clock.new_id)


def request_with(cookies: Mapping[str, str], **headers: str) -> web.Request:
    text = "; ".join(f"{name}={value}" for name, value in cookies.items())
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return make_mocked_request("GET", "/console", headers={"Host": "r", "Cookie": text, **named})


def cookies_of(response: web.Response) -> dict[str, str]:
    return {name: morsel.value for name, morsel in response.cookies.items()}


def logged_in(of: Sessions, caller: Caller, **headers: str) -> tuple[web.Response, Visitor]:
    response = web.Response()
    visitor = of.open(caller)
    of.store(request_with({}, **headers), response, visitor)
    return response, visitor


@pytest.mark.parametrize(
    ("seconds", "admin", "is_valid"),
    [
        (0, "alice=correct-horse-alice,bob=correct-horse-bob", True),
        (IDLE_SECONDS, "alice=correct-horse-alice", True),
        (IDLE_SECONDS + 1, "alice=correct-horse-alice", False),
        (0, "alice=correct-horse-alice-2,bob=correct-horse-bob", False),
        (0, "bob=correct-horse-bob", False),
    ],
)
def test_a_login_lasts_as_long_as_its_token_for_a_time(
    time: SetClock, seconds: float, admin: str, *, is_valid: bool
) -> None:
    """Mutants: no end; the tokens of others end it."""
    response, _ = logged_in(sessions(time), ALICE)
    time.now += seconds

    found = sessions(time, admin).visitor(request_with(cookies_of(response)))

    assert (found is not None) == is_valid
    if found is not None:
        assert (found.caller.name, found.caller.role) == ("alice", Role.OPERATOR)
        assert found.caller.via is Via.CONSOLE


def test_a_login_that_is_used_is_renewed_but_not_for_ever(time: SetClock) -> None:
    of = sessions(time)
    response, _ = logged_in(of, ALICE)
    cookies, days = cookies_of(response), 0
    while found := of.visitor(request_with(cookies)):
        response = web.Response()
        of.renew(request_with(cookies), response, found)
        cookies |= cookies_of(response)
        assert (COOKIE in response.cookies) == (days > 0)
        time.now += IDLE_SECONDS - 1
        days += 1
        assert days < 99

    assert days == LONGEST_SECONDS // (IDLE_SECONDS - 1) + 1
    assert RENEW_SECONDS < IDLE_SECONDS


def test_the_csrf_token_is_that_of_one_login(time: SetClock) -> None:
    of = sessions(time)
    one, same_person, other = (logged_in(of, each)[1] for each in (ALICE, ALICE, BOB))

    assert of.is_token_of(one, sessions(time).token_of(one))
    for wrong in (of.token_of(same_person), of.token_of(other), "", "é\udcff"):
        assert not of.is_token_of(one, wrong)


def test_a_sentence_is_shown_to_the_login_for_which_it_was_written(time: SetClock) -> None:
    of = sessions(time)
    (_, one), (_, other) = (logged_in(of, ALICE) for _ in range(2))
    response = web.Response()
    of.set_flash(request_with({}), response, one, Flash("good", "Done <b>"))
    request = request_with(cookies_of(response))

    assert of.flash(request, one) == Flash("good", "Done <b>")
    assert of.flash(request, other) is None


@pytest.mark.parametrize(("proto", "is_secure"), [("https", True), ("http", False)])
def test_the_cookie_is_kept_from_scripts_other_sites_and_plain_connections(
    time: SetClock, proto: str, *, is_secure: bool
) -> None:
    """Behind a proxy that ends TLS, the connection to the router is plain."""
    of, response = sessions(time), web.Response()
    request = request_with({}, X_Forwarded_Proto=proto).clone(remote="192.0.2.7")
    of.store(request, response, of.open(ALICE))

    cookie = response.cookies[COOKIE]
    assert {name: cookie[name] for name in ("httponly", "samesite", "path", "max-age")} == {
        "httponly": True,
        "samesite": "Strict",
        "path": "/console",
        "max-age": str(IDLE_SECONDS),
    }
    assert bool(cookie["secure"]) == is_secure


@pytest.mark.parametrize(
    ("headers", "is_same"),
    [
        ({}, True),
        ({"Sec-Fetch-Site": "same-origin"}, True),
        ({"Sec-Fetch-Site": "none"}, True),
        ({"Sec-Fetch-Site": "same-site"}, False),
        ({"Sec-Fetch-Site": "cross-site", hdrs.ORIGIN: "http://r"}, False),
        ({hdrs.ORIGIN: "http://r"}, True),
        ({hdrs.ORIGIN: "http://r:81"}, False),
        ({hdrs.ORIGIN: "null"}, False),
        ({hdrs.ORIGIN: "https://outside.example"}, True),
        ({hdrs.ORIGIN: "https://elsewhere.example"}, False),
    ],
)
def test_a_login_form_of_another_site_is_known(headers: dict[str, str], *, is_same: bool) -> None:
    request = make_mocked_request("POST", "/console/login", headers={"Host": "r", **headers})
    assert is_same_origin(request, "https://outside.example") == is_same
