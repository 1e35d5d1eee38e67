"""A bearer token in ``Authorization``, or in the query where a sender sets no headers.

Source: RFC 6750, sections 2.1 and 2.3; CloudEvents "HTTP 1.1 Web Hooks", section 3.
"""

from http import HTTPStatus
from typing import ClassVar, Final

from router.sources.contract import (
    CredentialPlaces,
    OptionWarning,
    Refusal,
    RequestHead,
    Secrets,
    Verifier,
    VerifierConfig,
    VerifierEnvironment,
    secret_list,
)
from router.sources.http_credentials import CREDENTIALS_LIMIT, is_known_bearer
from router.sources.missing_header import missing_header_hint
from router.sources.query_text import parameter
from router.sources.secret_config import check_secrets, secret_warnings

_CHALLENGE: Final = {"WWW-Authenticate": "Bearer"}
_IN_QUERY: Final = "access_token"


class BearerConfig(VerifierConfig, frozen=True, kw_only=True):
    """The options of ``bearer``."""

    short_key: ClassVar[str] = "token"

    token: Secrets
    """The token; several while one is replaced."""
    in_query: bool = False
    """Whether it may also come as ``access_token`` in the query, which proxies log."""

    def __post_init__(self) -> None:
        check_secrets(self.token, "token")

    def credential_places(self) -> CredentialPlaces:
        """Return the parameter, in which a sender may put the token even where it does not count."""
        return CredentialPlaces(parameters=(_IN_QUERY,))

    def warnings(self) -> tuple[OptionWarning, ...]:
        """Return what ``router check`` warns of."""
        return secret_warnings(self.token, "token")


class BearerVerifier(Verifier):
    """Checks the token, before the body is read."""

    def __init__(self, config: BearerConfig, environment: VerifierEnvironment) -> None:
        del environment
        self._tokens = secret_list(config.token)
        self._in_query = config.in_query

    def check_head(self, head: RequestHead) -> Refusal | None:
        """Refuse a request without the token."""
        given = head.headers.get("Authorization", "")[: CREDENTIALS_LIMIT + 1]
        in_query = parameter(head.query, _IN_QUERY)
        if not given and self._in_query and in_query:
            given = f"Bearer {in_query}"
        if not given:
            return Refusal(
                code="no_token",
                reason="the bearer token is missing: send Authorization: Bearer <token>",
                hint=self._missing_hint(head, in_query),
                status=HTTPStatus.UNAUTHORIZED,
                headers=_CHALLENGE,
            )
        if len(given) <= CREDENTIALS_LIMIT and is_known_bearer(given, self._tokens):
            return None
        return Refusal(
            code="wrong_token", reason="the bearer token is wrong", hint=self._wrong_hint(given)
        )

    def needs_exact_body(self) -> bool:
        """Return False, because the body is not signed."""
        return False

    def _missing_hint(self, head: RequestHead, in_query: str) -> str:
        if in_query:
            return "the query has access_token: write in_query: true to accept it there"
        return missing_header_hint(head, "Authorization", "set the token at the sender")

    def _wrong_hint(self, given: str) -> str:
        scheme, space, rest = given.strip().partition(" ")
        if space and scheme.lower() != "bearer":
            return "the header Authorization has another scheme than Bearer"
        if not space and is_known_bearer(f"Bearer {scheme}", self._tokens):
            return 'the token is right, and "Bearer " in front of it is missing'
        if is_known_bearer(f"Bearer {rest.strip(chr(34))}", self._tokens):
            return "the token is right, and has quotes around it"
        return "compare the token of the source with that of the sender"
