"""The contract of verifiers: their options, the request that they check, and their refusals.

A verifier decides whether a request comes from the sender that a source belongs to. It changes
nothing. It checks the head before the body is read, so that the body of a stranger is never read if
the head alone decides; and then the whole request.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from http import HTTPStatus
from typing import ClassVar, Final

import msgspec

from router.datatypes import Address, Networks, Secret
from router.errors import RouterError

MAX_URLS: Final = 6
"""URLs that a verifier tries for a signature that covers the URL."""
NO_HEADERS: Final[Mapping[str, str]] = {}
NO_SECRETS: Final[Mapping[str, tuple[Secret, ...]]] = {}


class FetchError(RouterError):
    """Raised when a certificate cannot be fetched. The text is a sentence for operators."""


class RequestHead(msgspec.Struct, frozen=True, kw_only=True):
    """A request without its body."""

    method: str
    path: str
    """The path as the sender wrote it, percent-encoded, without the query."""
    query: str
    """The query as the sender wrote it, without the question mark."""
    headers: Mapping[str, str]
    """By name in any case of letters. A header that is repeated has its first value."""
    urls: Sequence[str]
    """The URLs that the sender may have called, the most likely one first, query included."""
    address: Address | None
    """The client's address; that of the sender behind trusted proxies."""
    peer: Address | None
    """The address of the other end of the connection, which may be a proxy."""
    received_at: float
    """Unix time in seconds."""


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """Why a request is refused."""

    code: str
    """A stable word for programs, such as ``wrong_signature``."""
    reason: str
    """A sentence for the sender. It says nothing about secrets."""
    hint: str = ""
    """A sentence for operators only: what is probably wrong, and what to change."""
    status: HTTPStatus = HTTPStatus.FORBIDDEN
    """401 if credentials are missing, 403 if they are wrong."""
    headers: Mapping[str, str] = NO_HEADERS
    """Headers of the response, such as ``WWW-Authenticate``."""


class CredentialPlaces(msgspec.Struct, frozen=True, kw_only=True):
    """The parts of a request that have the secret itself, and not only a signature."""

    headers: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()
    """Parameters of the query."""


Secrets = Secret | tuple[Secret, ...]
"""A secret, or several while one is replaced."""


def secret_list(secrets: Secrets) -> tuple[Secret, ...]:
    """Return the secrets as a tuple."""
    return (secrets,) if isinstance(secrets, Secret) else secrets


class OptionWarning(msgspec.Struct, frozen=True):
    """An option of a verifier that is valid and probably not meant."""

    key: str
    message: str
    """It does not quote the value, which may be secret."""
    hint: str
    """The correction."""


class VerifierConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The options of a verifier in the rules folder. A verifier's own Struct extends this one."""

    short_key: ClassVar[str] = "secret"
    """The option that ``verify: {secret: …}`` sets where the preset names the verifier."""
    stand_in: ClassVar[str] = "https://missing.invalid/"
    """A valid text for the options that are secrets or keys, for a variable that is not set."""

    def warnings(self) -> tuple[OptionWarning, ...]:
        """Return what ``router check`` warns of."""
        return ()

    def credential_places(self) -> CredentialPlaces:
        """Return where requests have a secret; expressions cannot read these headers and parameters.

        ``Authorization`` needs no mention.
        """
        return CredentialPlaces()

    def all_secrets(self) -> tuple[Secret, ...]:
        """Return the secrets among the options."""
        found: list[Secret] = []
        for name in self.__struct_fields__:
            value = getattr(self, name)
            members = value if isinstance(value, tuple) else (value,)
            found += [each for each in members if isinstance(each, Secret)]
        return tuple(found)


Fetch = Callable[[str], Awaitable[bytes]]
"""Gets a URL within a deadline and a size, without redirects, as the egress policy permits.

Raises ``FetchError`` with a sentence for operators.
"""


class VerifierEnvironment(msgspec.Struct, frozen=True, kw_only=True):
    """The parts that all verifiers of a process share."""

    auth_tokens: Sequence[Secret] = ()
    """Twilio's auth tokens, from the settings."""
    trusted_proxies: Networks = Networks()
    """The proxies whose headers count."""
    other_secrets: Mapping[str, tuple[Secret, ...]] = NO_SECRETS
    """The secrets of the other sources by their names, for hints about secrets that are mixed up."""
    fetch: Fetch
    """Fetches certificates."""


class Verifier:
    """One way to verify a request. A subclass overrides one check or both.

    Both return a Refusal, or None if the request passes.
    """

    def check_head(self, head: RequestHead) -> Refusal | None:
        """Check the head, before the body is read."""
        del head
        return None

    async def check_body(self, head: RequestHead, body: bytes) -> Refusal | None:
        """Check the whole request, whose head has passed; ``body`` is as the sender wrote it."""
        del head, body
        return None

    def needs_exact_body(self) -> bool:
        """Return whether the body must come without a Content-Encoding, because its bytes are signed."""
        return True
