"""Twilio's signature of both forms: JSON with ``bodySHA256`` in the query, and forms.

Status callbacks and voice webhooks are forms; Event Streams are JSON. A shared key signs by
HMAC-SHA256 and is named by ``X-Twilio-Webhooks-Signature-Settings``. Requests of a subaccount are
signed with the auth token of the subaccount.

Source: Twilio, "Security", section "Validating requests"; see router/sources/twilio_signature.py.
"""

from collections.abc import Sequence
from http import HTTPStatus
from typing import ClassVar, Final

from router.datatypes import Secret
from router.media_types import FORM
from router.sources.contract import (
    MAX_URLS,
    OptionWarning,
    Refusal,
    RequestHead,
    Secrets,
    Verifier,
    VerifierConfig,
    VerifierEnvironment,
    secret_list,
)
from router.sources.hmac_verifier import read_header
from router.sources.http_credentials import basic_credentials
from router.sources.secret_config import check_secrets, secret_warnings
from router.sources.signature_hints import LARGEST_BODY, HintBudget, body_variants
from router.sources.twilio_hints import TwilioMismatch, explain_twilio_mismatch
from router.sources.twilio_signature import (
    SETTINGS_HEADER,
    SIGNATURE_HEADER,
    SignatureCheck,
    check_body,
    find_signing_token,
    has_body_hash,
    signed_fields,
)

_LONGEST_SETTINGS: Final = 500
_LONGEST_CREDENTIALS: Final = 500


class TwilioVerifierConfig(VerifierConfig, frozen=True, kw_only=True):
    """The options of ``twilio``."""

    short_key: ClassVar[str] = "auth_token"

    auth_token: Secrets | None = None
    """The auth token of the account, or a shared key; several for subaccounts and while one is
    replaced. Without it the tokens of ``ROUTER_TWILIO_AUTH_TOKENS`` count."""

    def __post_init__(self) -> None:
        if self.auth_token is not None:
            check_secrets(self.auth_token, "auth_token")

    def warnings(self) -> tuple[OptionWarning, ...]:
        """Return what ``router check`` warns of."""
        return () if self.auth_token is None else secret_warnings(self.auth_token, "auth_token")


class TwilioVerifier(Verifier):
    """Checks the signature: of JSON by the head, of a form with its body."""

    def __init__(self, config: TwilioVerifierConfig, environment: VerifierEnvironment) -> None:
        own = () if config.auth_token is None else secret_list(config.auth_token)
        self._tokens: Sequence[Secret] = own or tuple(environment.auth_tokens)
        self._others = environment.other_secrets
        self._hints = HintBudget()

    def check_head(self, head: RequestHead) -> Refusal | None:
        """Refuse a request without a signature, and JSON whose signature is wrong."""
        signature = read_header(head, SIGNATURE_HEADER, "Twilio, which signs every request")
        if isinstance(signature, Refusal):
            return signature
        if not self._tokens:
            return Refusal(
                code="no_auth_token",
                reason="the source has no auth token",
                hint="set ROUTER_TWILIO_AUTH_TOKENS, or auth_token of the verifier twilio",
            )
        return self._check(head, signature, "") if has_body_hash(head.query) else None

    async def check_body(self, head: RequestHead, body: bytes) -> Refusal | None:
        """Check the hash of JSON, and the signature of a form."""
        if has_body_hash(head.query):
            return self._check_hash(head, body)
        is_form = head.headers.get("Content-Type", "").partition(";")[0].strip().lower() == FORM
        if body and not is_form:
            return Refusal(
                code="no_body_hash",
                reason="bodySHA256 is missing in the URL, and the body is no form",
                hint="the signature covers no body: a proxy removes bodySHA256 from the query, or"
                " changes the content type",
            )
        try:
            fields = signed_fields(body)
        except ValueError:
            return Refusal(code="malformed_form", reason="the form has too many fields")
        return self._check(head, head.headers.get(SIGNATURE_HEADER, "").strip(), fields)

    def _check(self, head: RequestHead, signature: str, fields: str) -> Refusal | None:
        settings = head.headers.get(SETTINGS_HEADER, "")[:_LONGEST_SETTINGS]
        # Twilio signs the URL of a webhook with the credentials that it contains.
        authorization = head.headers.get("Authorization", "")[:_LONGEST_CREDENTIALS]
        credentials = basic_credentials(authorization).decode("utf-8", "surrogateescape")
        found = find_signing_token(
            signature=signature,
            # The hash in the query counts only if the signed URL has the same query.
            urls=[url for url in head.urls if url.partition("?")[2] == head.query][:MAX_URLS],
            auth_tokens=self._tokens,
            settings=settings,
            credentials=credentials,
            fields=fields,
        )
        if not isinstance(found, SignatureCheck):
            return None
        if found is not SignatureCheck.WRONG_SIGNATURE:
            return Refusal(code=found.name.lower(), reason=str(found))
        hint = ""
        if len(fields) <= LARGEST_BODY and self._hints.take(head.received_at):
            hint = explain_twilio_mismatch(
                TwilioMismatch(
                    head=head,
                    signature=signature,
                    settings=settings,
                    credentials=credentials,
                    fields=fields,
                    auth_tokens=self._tokens,
                    other_secrets=self._others,
                )
            )
        return Refusal(
            code="wrong_signature",
            reason="the signature does not match the URL" + (" and the form" if fields else ""),
            hint=hint
            or "compare the auth token with that of the account, or of the subaccount, that calls",
        )

    def _check_hash(self, head: RequestHead, body: bytes) -> Refusal | None:
        result = check_body(f"?{head.query}", body)
        if result is SignatureCheck.GENUINE:
            return None
        fitting = (
            words
            for changed, words in body_variants(body)
            if check_body(f"?{head.query}", changed) is SignatureCheck.GENUINE
        )
        is_explained = len(body) <= LARGEST_BODY and self._hints.take(head.received_at)
        words = next(fitting, "") if is_explained else ""
        fits = f"bodySHA256 fits {words}" if words else "the URL is genuine, and the body is not"
        return Refusal(
            code=result.name.lower(),
            reason=str(result),
            hint=f"{fits}: a proxy in between changes bodies",
            status=HTTPStatus.FORBIDDEN,
        )
