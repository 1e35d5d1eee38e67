"""A secret in a header or in a parameter of the query, as many senders have nothing better.

A secret in the query stands in the logs of each proxy: a header is safer.
"""

from http import HTTPStatus

from router.sources.contract import (
    CredentialPlaces,
    OptionWarning,
    Refusal,
    RequestHead,
    Verifier,
    VerifierEnvironment,
    secret_list,
)
from router.sources.header_names import is_header_name
from router.sources.http_credentials import CREDENTIALS_LIMIT, is_known
from router.sources.missing_header import missing_header_hint
from router.sources.query_text import parameter
from router.sources.secret_config import SecretConfig, secret_warnings


class ApiKeyConfig(SecretConfig, frozen=True, kw_only=True):
    """The options of ``api_key``."""

    header: str | None = None
    """The header with the secret, such as ``X-API-Key``."""
    query: str | None = None
    """The parameter of the query with the secret, such as ``code``."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.header is None) is (self.query is None):
            raise ValueError("header or query, one of both: write for example header: X-API-Key")
        for option in ("header", "query"):
            name = getattr(self, option)
            if name is not None and not is_header_name(name):
                raise ValueError(f"{option} must be a name, such as X-API-Key or code")

    def credential_places(self) -> CredentialPlaces:
        """Return the header or the parameter."""
        return CredentialPlaces(
            headers=(self.header,) if self.header else (),
            parameters=(self.query,) if self.query else (),
        )

    def warnings(self) -> tuple[OptionWarning, ...]:
        """Return what ``router check`` warns of."""
        if self.query is None:
            return secret_warnings(self.secret)
        in_logs = OptionWarning(
            "query",
            "a secret in the query stands in the logs of each proxy",
            "use a header, if the sender can set one",
        )
        return (*secret_warnings(self.secret), in_logs)


class ApiKeyVerifier(Verifier):
    """Checks the secret, before the body is read."""

    def __init__(self, config: ApiKeyConfig, environment: VerifierEnvironment) -> None:
        del environment
        self._secrets = secret_list(config.secret)
        self._header = config.header
        self._parameter = config.query or ""

    def check_head(self, head: RequestHead) -> Refusal | None:
        """Refuse a request without the secret."""
        place = f"header {self._header}" if self._header else f"query parameter {self._parameter}"
        given = self._given(head)
        if not given:
            return Refusal(
                code="no_key",
                reason=f"the {place} is missing",
                hint=missing_header_hint(
                    head, self._header or "the query", f"set the {place} at the sender"
                ),
                status=HTTPStatus.UNAUTHORIZED,
            )
        if self._is_right(given):
            return None
        hint = f"compare the secret of the source with the {place} of the sender"
        if self._is_right(given.strip().rpartition(" ")[2]):
            hint = f"the secret is right, and the {place} has more in front of it or around it"
        return Refusal(code="wrong_key", reason=f"the secret in the {place} is wrong", hint=hint)

    def needs_exact_body(self) -> bool:
        """Return False, because the body is not signed."""
        return False

    def _given(self, head: RequestHead) -> str:
        if self._header:
            return head.headers.get(self._header, "")
        return parameter(head.query, self._parameter)

    def _is_right(self, given: str) -> bool:
        text = given[: CREDENTIALS_LIMIT + 1].encode("utf-8", "surrogateescape")
        return is_known(text, self._secrets)
