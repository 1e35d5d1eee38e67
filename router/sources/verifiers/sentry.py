"""Sentry's signature: an HMAC-SHA256 of the body, in hex, in ``Sentry-Hook-Signature``.

The key is the client secret of the integration. ``Sentry-Hook-Timestamp`` is not signed, so it
protects from no replay: de-duplication by the id of the event does.

Source: Sentry, "Webhooks" of the integration platform, section "Verifying the Signature".
"""

from router.sources.contract import VerifierEnvironment
from router.sources.hmac_scheme import HmacScheme
from router.sources.hmac_verifier import HmacVerifier
from router.sources.secret_config import SecretConfig


class SentryConfig(SecretConfig, frozen=True, kw_only=True):
    """The options of ``sentry``."""


class SentryVerifier(HmacVerifier):
    """Checks Sentry's signature."""

    def __init__(self, config: SentryConfig, environment: VerifierEnvironment) -> None:
        scheme = HmacScheme(
            header="Sentry-Hook-Signature",
            place="the integration on Sentry (its client secret)",
        )
        super().__init__(scheme, config.secret, environment)
