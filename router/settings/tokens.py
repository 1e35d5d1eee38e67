"""Bearer tokens of the operators' API: one without a name, or several with names.

The grammar is ``token`` or ``name=token,name=token…``; a line end separates as a comma does. A token
without a name has no ``=`` but at its end, where base64 has it, and no comma. The first ``=`` of a
part that goes on behind it therefore ends a name. No message contains a token, nor what may be one.
"""

import re
from collections.abc import Sequence
from typing import Final

import msgspec

from router.datatypes import Secret

NAME_LENGTH: Final = 40
"""Characters of a name."""
_SEPARATOR: Final = re.compile(r"[,\n]")
_NAME: Final = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._@-]{{0,{NAME_LENGTH - 1}}}")
_PART: Final = re.compile(r"([^=]*)=(.*[^=].*)", re.DOTALL)
"""``name=token``, as opposed to a token that ends with ``=``."""
_TOKEN: Final = re.compile(r"[!-+\--~]{16,512}")
SHORTEST: Final = 16
"""Characters of a token that cannot be guessed."""
_EXAMPLE: Final = "write for example alice=<token>,bob=<token>, or one token without a name"


class NamedToken(msgspec.Struct, frozen=True):
    """A token and whose it is."""

    name: str
    """``""`` for a token without a name."""
    secret: Secret


class Tokens(tuple[NamedToken, ...]):
    """The tokens of one role."""

    __slots__ = ()

    @classmethod
    def of(cls, secret: Secret) -> "Tokens":
        """Return one token without a name."""
        return cls((NamedToken("", secret),))

    @classmethod
    def parse(cls, text: str) -> "Tokens":
        """Return the tokens that ``text`` denotes.

        Raises:
            ValueError: It denotes none; the message says what to write and omits the tokens.
        """
        parts = _SEPARATOR.split(text.removesuffix("\r"))
        if len(parts) == 1 and _PART.fullmatch(parts[0]) is None:
            _check_padding(parts[0])
            return cls.of(Secret(parts[0]))
        tokens = cls(_named(part.strip(), number) for number, part in enumerate(parts, 1))
        _check_distinct(tokens)
        return tokens

    def secrets(self) -> frozenset[Secret]:
        """Return the tokens without their names."""
        return frozenset(token.secret for token in self)


def _check_padding(text: str) -> None:
    """Raise ValueError for a name whose token is missing, such as ``alice=``."""
    if text.endswith("=") and len(text) < SHORTEST:
        raise ValueError(f"has a name without a token behind the =, {_EXAMPLE}")


def _named(part: str, number: int) -> NamedToken:
    found = _PART.fullmatch(part)
    if found is None:
        problem = "has no name or no token" if part else "is empty"
        raise ValueError(f"has several tokens, of which number {number} {problem}, {_EXAMPLE}")
    name, token = found.groups()
    if _NAME.fullmatch(name) is None:
        # The name is omitted, because it may be the first half of a token.
        raise ValueError(
            f"has a wrong name before the = of token {number}: a name has at most {NAME_LENGTH}"
            f" letters, digits and . _ @ - and begins with a letter or digit, {_EXAMPLE}"
        )
    if _TOKEN.fullmatch(token) is None:
        raise ValueError(
            f"has a wrong token of {name}: it needs {SHORTEST} to 512 visible ASCII characters"
            " without a comma, use for example the output of openssl rand -base64 32"
        )
    return NamedToken(name, Secret(token))


def _check_distinct(tokens: Sequence[NamedToken]) -> None:
    names: set[str] = set()
    owners: dict[Secret, str] = {}
    for token in tokens:
        if token.name.lower() in names:
            raise ValueError(f"has the name {token.name} twice, give each token its own name")
        if token.secret in owners:
            raise ValueError(
                f"has the same token for {owners[token.secret]} and {token.name},"
                " give each name its own token"
            )
        names.add(token.name.lower())
        owners[token.secret] = token.name
