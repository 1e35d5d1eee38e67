"""The grammar of tokens: one without a name, or several with names."""

import pytest

from router.errors import SettingsError
from router.settings.model import Settings
from router.settings.tokens import Tokens

LONG = "c4nary-5ecret-of-the-test"
BASE64 = "c4nary5ecretOfThe+/Test=="
EXAMPLE = "write for example alice=<token>,bob=<token>, or one token without a name"
WRONG_NAME = (
    "has a wrong name before the = of token {}: a name has at most 40 letters, digits and"
    f" . _ @ - and begins with a letter or digit, {EXAMPLE}"
)
WRONG_TOKEN = (
    "has a wrong token of alice: it needs 16 to 512 visible ASCII characters without a comma,"
    " use for example the output"
)


def named(tokens: Tokens) -> list[tuple[str, str]]:
    return [(token.name, token.secret.reveal()) for token in tokens]


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("x", [("", "x")]),
        (" x ", [("", " x ")]),
        (LONG, [("", LONG)]),
        (BASE64, [("", BASE64)]),
        ("abcdefghijklmno=", [("", "abcdefghijklmno=")]),
        (f"alice={LONG}", [("alice", LONG)]),
        (f"alice={BASE64}", [("alice", BASE64)]),
        (f"alice=a={LONG}", [("alice", f"a={LONG}")]),
        (f"a.l-i_ce@x={LONG}, bob={LONG}2", [("a.l-i_ce@x", LONG), ("bob", f"{LONG}2")]),
        (f"alice={LONG}\r\nbob={LONG}2", [("alice", LONG), ("bob", f"{LONG}2")]),
    ],
)
def test_a_text_has_one_token_or_several_with_names(
    text: str, tokens: list[tuple[str, str]]
) -> None:
    assert named(Tokens.parse(text)) == tokens
    assert LONG not in repr(Tokens.parse(text))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (f"{LONG},{LONG}2", f"has several tokens, of which number 1 has no name or no token, {EXAMPLE}"),
        (f"alice={LONG},{LONG}2", f"has several tokens, of which number 2 has no name or no token, {EXAMPLE}"),
        (f"alice={LONG},bob=", f"has several tokens, of which number 2 has no name or no token, {EXAMPLE}"),
        (f"alice={LONG},", f"has several tokens, of which number 2 is empty, {EXAMPLE}"),
        ("alice=", f"has a name without a token behind the =, {EXAMPLE}"),
        (f"al ice={LONG}", WRONG_NAME.format(1)),
        (f"={LONG}", WRONG_NAME.format(1)),
        (f"{'a' * 41}={LONG}", WRONG_NAME.format(1)),
        (f"alice={LONG},-bob={LONG}2", WRONG_NAME.format(2)),
        (
            "alice=c4nary-5ecret",
            f"{WRONG_TOKEN} of openssl rand -base64 32",
        ),
        (f"Alice={LONG},alice={LONG}2", "has the name alice twice, give each token its own name"),
        (
            f"alice={LONG},bob={LONG}",
            "has the same token for alice and bob, give each name its own token",
        ),
    ],
)  # fmt: skip
def test_a_wrong_text_is_rejected_without_its_tokens(text: str, problem: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.read({"ROUTER_VIEWER_TOKEN": text})

    assert str(caught.value) == f"ROUTER_VIEWER_TOKEN {problem}"
    assert "c4nary" not in str(caught.value)


def test_a_viewer_has_no_token_of_an_operator() -> None:
    with pytest.raises(SettingsError, match="ROUTER_VIEWER_TOKEN has a token that"):
        Settings.read(
            {"ROUTER_ADMIN_TOKEN": f"alice={LONG}", "ROUTER_VIEWER_TOKEN": f"wall={LONG}"}
        )
