"""A link of `router dev` logs in once, and for a few minutes."""

import pytest
from support.clock import SetClock

from router.api.access import Access, Caller, Role
from router.console.login_links import LINK_SECONDS, LoginLinks, _Link
from router.console.signed_texts import SignedTexts
from router.settings.model import Settings
from router.settings.tokens import Tokens

ALICE = Caller("alice", Role.OPERATOR)
TEXTS = SignedTexts(Access(Settings(admin_token=Tokens.parse("alice=correct-horse-alice"))).tokens)


@pytest.fixture
def links(time: SetClock) -> LoginLinks:
    clock = time.clock()
    return LoginLinks(TEXTS, clock.now, clock.new_id)


def test_a_link_is_used_once(links: LoginLinks) -> None:
    one, other = links.link(ALICE), links.link(ALICE)

    assert [links.use(text) for text in (one, one, other, other, "x", "")] == [
        *(ALICE, None, ALICE, None),
        *(None, None),
    ]


@pytest.mark.parametrize(("seconds", "caller"), [(LINK_SECONDS - 1, ALICE), (LINK_SECONDS, None)])
def test_a_link_ends(
    links: LoginLinks, time: SetClock, seconds: float, caller: Caller | None
) -> None:
    text = links.link(ALICE)
    time.now += seconds

    assert links.use(text) == caller


def test_a_login_is_no_link(links: LoginLinks) -> None:
    assert links.use(TEXTS.sign(ALICE, "login", _Link("id", 1e12))) is None
