"""User and password by HTTP Basic authentication.

A sender may have them in its URL: ``https://user:password@…``.

Source: RFC 7617, section 2.
"""

from http import HTTPStatus
from typing import ClassVar, Final

from router.sources.contract import (
    OptionWarning,
    Refusal,
    RequestHead,
    Secrets,
    Verifier,
    VerifierConfig,
    VerifierEnvironment,
    secret_list,
)
from router.sources.http_credentials import CREDENTIALS_LIMIT, basic_credentials, is_known
from router.sources.missing_header import missing_header_hint
from router.sources.secret_config import check_secrets

_CHALLENGE: Final = {"WWW-Authenticate": 'Basic realm="source", charset="UTF-8"'}
_SHORTEST: Final = 8


class BasicVerifierConfig(VerifierConfig, frozen=True, kw_only=True):
    """The options of ``basic``."""

    short_key: ClassVar[str] = "credentials"

    credentials: Secrets
    """``user:password``; several while they are replaced."""

    def __post_init__(self) -> None:
        check_secrets(self.credentials, "credentials")
        if any(":" not in each.reveal() for each in secret_list(self.credentials)):
            raise ValueError("credentials must have the form user:password")

    def warnings(self) -> tuple[OptionWarning, ...]:
        """Return what ``router check`` warns of."""
        passwords = [each.reveal().partition(":")[2] for each in secret_list(self.credentials)]
        if all(len(password) >= _SHORTEST for password in passwords):
            return ()
        return (
            OptionWarning(
                "credentials",
                f"the password is shorter than {_SHORTEST} characters, and may be guessed",
                "take a random one, for example of openssl rand -hex 32",
            ),
        )


class BasicVerifier(Verifier):
    """Checks user and password, before the body is read."""

    def __init__(self, config: BasicVerifierConfig, environment: VerifierEnvironment) -> None:
        del environment
        self._credentials = secret_list(config.credentials)

    def check_head(self, head: RequestHead) -> Refusal | None:
        """Refuse a request without the credentials."""
        authorization = head.headers.get("Authorization", "")[: CREDENTIALS_LIMIT + 1]
        if not authorization:
            return Refusal(
                code="no_credentials",
                reason="credentials are missing: send Authorization: Basic, or put"
                " user:password@ into the URL",
                hint=missing_header_hint(
                    head, "Authorization", "put user:password@ into the URL that the sender calls"
                ),
                status=HTTPStatus.UNAUTHORIZED,
                headers=_CHALLENGE,
            )
        given = basic_credentials(authorization)
        if len(authorization) <= CREDENTIALS_LIMIT and is_known(given, self._credentials):
            return None
        return Refusal(
            code="wrong_credentials",
            reason="the user or the password is wrong",
            hint=self._wrong_hint(given),
        )

    def needs_exact_body(self) -> bool:
        """Return False, because the body is not signed."""
        return False

    def _wrong_hint(self, given: bytes) -> str:
        if not given:
            return "the header Authorization has another scheme than Basic, or no base64"
        user, _, password = given.partition(b":")
        if is_known(user.strip() + b":" + password.strip(), self._credentials):
            return "user and password are right, and have white space around them"
        return "compare the credentials of the source with those in the sender's URL"
