"""Shopify's signature: an HMAC-SHA256 of the body, in base64, in ``X-Shopify-Hmac-Sha256``.

There is no timestamp: de-duplication by ``X-Shopify-Event-Id`` is the protection against replays.

Source: Shopify, "Deliver webhooks through HTTPS", section "Validate the origin of your webhook".
"""

from router.sources.contract import VerifierEnvironment
from router.sources.hmac_scheme import HmacScheme, SignatureEncoding
from router.sources.hmac_verifier import HmacVerifier
from router.sources.secret_config import SecretConfig


class ShopifyConfig(SecretConfig, frozen=True, kw_only=True):
    """The options of ``shopify``."""


class ShopifyVerifier(HmacVerifier):
    """Checks Shopify's signature."""

    def __init__(self, config: ShopifyConfig, environment: VerifierEnvironment) -> None:
        scheme = HmacScheme(
            header="X-Shopify-Hmac-Sha256",
            encoding=SignatureEncoding.BASE64,
            place="the app on Shopify (its client secret)",
        )
        super().__init__(scheme, config.secret, environment)
