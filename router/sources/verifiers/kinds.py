"""The verifiers, a line each."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from router.sources.contract import Verifier, VerifierConfig, VerifierEnvironment
from router.sources.verifiers.api_key import ApiKeyConfig, ApiKeyVerifier
from router.sources.verifiers.basic import BasicVerifier, BasicVerifierConfig
from router.sources.verifiers.bearer import BearerConfig, BearerVerifier
from router.sources.verifiers.generic_hmac import GenericHmacVerifier, HmacConfig
from router.sources.verifiers.github import GithubConfig, GithubVerifier
from router.sources.verifiers.grafana import GrafanaConfig, GrafanaVerifier
from router.sources.verifiers.mtls import MtlsConfig, MtlsVerifier
from router.sources.verifiers.networks import NetworksConfig, NetworksVerifier
from router.sources.verifiers.pagerduty import PagerdutyVerifier, PagerdutyVerifierConfig
from router.sources.verifiers.sendgrid import SendgridConfig, SendgridVerifier
from router.sources.verifiers.sentry import SentryConfig, SentryVerifier
from router.sources.verifiers.shopify import ShopifyConfig, ShopifyVerifier
from router.sources.verifiers.slack import SlackVerifier, SlackVerifierConfig
from router.sources.verifiers.sns import SnsConfig, SnsVerifier
from router.sources.verifiers.standard_webhooks import (
    StandardWebhooksConfig,
    StandardWebhooksVerifier,
)
from router.sources.verifiers.stripe import StripeConfig, StripeVerifier
from router.sources.verifiers.twilio import TwilioVerifier, TwilioVerifierConfig


class VerifierKind(msgspec.Struct, frozen=True):
    """How a verifier is configured and built."""

    config: type[VerifierConfig]
    build: Callable[[Any, VerifierEnvironment], Verifier]


VERIFIERS: Final[Mapping[str, VerifierKind]] = {
    "api_key": VerifierKind(ApiKeyConfig, ApiKeyVerifier),
    "basic": VerifierKind(BasicVerifierConfig, BasicVerifier),
    "bearer": VerifierKind(BearerConfig, BearerVerifier),
    "github": VerifierKind(GithubConfig, GithubVerifier),
    "grafana": VerifierKind(GrafanaConfig, GrafanaVerifier),
    "hmac": VerifierKind(HmacConfig, GenericHmacVerifier),
    "mtls": VerifierKind(MtlsConfig, MtlsVerifier),
    "networks": VerifierKind(NetworksConfig, NetworksVerifier),
    "pagerduty": VerifierKind(PagerdutyVerifierConfig, PagerdutyVerifier),
    "sendgrid": VerifierKind(SendgridConfig, SendgridVerifier),
    "sentry": VerifierKind(SentryConfig, SentryVerifier),
    "shopify": VerifierKind(ShopifyConfig, ShopifyVerifier),
    "slack": VerifierKind(SlackVerifierConfig, SlackVerifier),
    "sns": VerifierKind(SnsConfig, SnsVerifier),
    "standard-webhooks": VerifierKind(StandardWebhooksConfig, StandardWebhooksVerifier),
    "stripe": VerifierKind(StripeConfig, StripeVerifier),
    "svix": VerifierKind(StandardWebhooksConfig, StandardWebhooksVerifier),
    "twilio": VerifierKind(TwilioVerifierConfig, TwilioVerifier),
}
"""The verifiers by the key under which ``verify`` names them."""


def build_verifier(config: VerifierConfig, environment: VerifierEnvironment) -> Verifier:
    """Return the verifier that ``config`` describes."""
    kind = next(kind for kind in VERIFIERS.values() if type(config) is kind.config)
    return kind.build(config, environment)
