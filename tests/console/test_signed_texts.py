"""A text is believed if the token that signed it is a token of today, and says what was signed."""

import base64

import msgspec
import pytest

from router.api.access import Access, Caller, Role
from router.console.signed_texts import SignedTexts, _serializer
from router.settings.model import Settings
from router.settings.tokens import Tokens

ALICE = Caller("alice", Role.OPERATOR)
WALL = Caller("", Role.VIEWER)
ADMIN = "alice=correct-horse-alice,bob=correct-horse-bob"


class Said(msgspec.Struct, frozen=True, array_like=True):
    text: str
    at: float = 1.5


X = Said("x")


def texts(admin: str = ADMIN, viewer: str = "correct-horse-viewer") -> SignedTexts:
    settings = Settings(
        admin_token=Tokens.parse(admin) if admin else Tokens(),
        viewer_token=Tokens.parse(viewer) if viewer else Tokens(),
    )
    return SignedTexts(Access(settings).tokens)


@pytest.mark.parametrize(
    ("other", "is_read"),
    [
        (texts(), True),  # another process
        (texts("alice=correct-horse-alice"), True),  # the token of another person is removed
        (texts(viewer="correct-horse-other"), True),
        (texts("alice=correct-horse-new-1"), False),  # it is replaced
        (texts("bob=correct-horse-bob-1"), False),  # it is removed
        (texts("carol=correct-horse-alice"), False),  # it is another person's now
        (texts("", "alice=correct-horse-alice"), False),  # it is a viewer's now
        (texts("", ""), False),
    ],
)
def test_a_text_lasts_as_long_as_the_token_of_its_caller(
    other: SignedTexts, *, is_read: bool
) -> None:
    text = texts().sign(ALICE, "login", X)
    assert other.read("login", text, Said) == ((ALICE, X) if is_read else None)
    assert (other.code(ALICE, "csrf") == texts().code(ALICE, "csrf")) if is_read else True


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "a.b",
        "\udcff.\udcff",
        "é.é",
        "x" * 5000,
        texts().sign(WALL, "login", X)[:-1],
        texts().sign(WALL, "login", X) + "A",
        texts().sign(WALL, "link", X),
    ],
)
def test_what_was_not_signed_for_this_is_not_read(text: str) -> None:
    assert texts().read("login", text, Said) is None


@pytest.mark.parametrize(
    "forged", [["operator", "alice", ["x"]], ["operator", "", ["x"]], ["x"], [1, 2, 3]]
)
def test_a_viewer_signs_in_no_other_name(forged: object) -> None:
    """Mutants: the name is believed whatever key has signed it; one key for all tokens."""
    own = texts()
    text = str(_serializer(own._keys[Role.VIEWER, ""], "login").dumps(forged))
    assert own.read("login", text, Said) is None


def test_a_payload_that_was_changed_is_not_read() -> None:
    text = texts().sign(WALL, "login", X)
    payload, _, signature = text.rpartition(".")
    decoded = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
    changed = decoded.replace(b"viewer", b"operator")
    assert changed != decoded
    forged = base64.urlsafe_b64encode(changed).rstrip(b"=").decode()
    assert texts().read("login", f"{forged}.{signature}", Said) is None


def test_a_value_of_another_form_is_not_read() -> None:
    """Another version has signed it, with the same token."""

    class Other(msgspec.Struct, frozen=True, array_like=True):
        number: int

    assert texts().read("login", texts().sign(WALL, "login", X), Other) is None
