"""PagerDuty's signature: HMAC-SHA256 of the body, in hex, in ``X-PagerDuty-Signature``.

The header has a signature ``v1=…`` for each active secret, with commas between them. There is no
timestamp: de-duplication by the id of the event is the protection against replays.

Source: PagerDuty, "Webhooks Overview", section "Verifying webhook signatures".
"""

from router.sources.contract import VerifierEnvironment
from router.sources.hmac_scheme import HmacScheme
from router.sources.hmac_verifier import HmacVerifier
from router.sources.secret_config import SecretConfig


class PagerdutyVerifierConfig(SecretConfig, frozen=True, kw_only=True):
    """The options of ``pagerduty``."""


class PagerdutyVerifier(HmacVerifier):
    """Checks PagerDuty's signature."""

    def __init__(self, config: PagerdutyVerifierConfig, environment: VerifierEnvironment) -> None:
        scheme = HmacScheme(
            header="X-PagerDuty-Signature",
            prefix="v1=",
            separator=",",
            place="the webhook subscription on PagerDuty",
        )
        super().__init__(scheme, config.secret, environment)
