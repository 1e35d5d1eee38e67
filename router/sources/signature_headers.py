"""The headers by which senders sign, a line for each verifier whose header has a fixed name."""

from collections.abc import Mapping
from typing import Final

SIGNATURE_HEADERS: Final[Mapping[str, str]] = {
    "github": "X-Hub-Signature-256",
    "grafana": "X-Grafana-Alerting-Signature",
    "pagerduty": "X-PagerDuty-Signature",
    "sendgrid": "X-Twilio-Email-Event-Webhook-Signature",
    "sentry": "Sentry-Hook-Signature",
    "shopify": "X-Shopify-Hmac-Sha256",
    "slack": "X-Slack-Signature",
    "standard-webhooks": "webhook-signature",
    "stripe": "Stripe-Signature",
    "svix": "svix-signature",
    "twilio": "X-Twilio-Signature",
}
"""The header with the signature, by the verifier's key in ``verify``."""
SENDER_HEADERS: Final[Mapping[str, str]] = {
    **{header.lower(): verifier for verifier, header in SIGNATURE_HEADERS.items()},
    "x-amz-sns-message-type": "sns",
    "x-forwarded-client-cert": "mtls",
}
"""The verifier that a request is probably meant for, by the headers that it has, in lower case."""
