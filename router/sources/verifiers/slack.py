"""Slack's signature: an HMAC-SHA256 of ``v0:<timestamp>:<body>``, in hex, in ``X-Slack-Signature``.

Source: Slack, "Verifying requests from Slack".
"""

from router.datatypes import Duration
from router.sources.contract import VerifierEnvironment
from router.sources.freshness import check_tolerance
from router.sources.hmac_scheme import HmacScheme
from router.sources.hmac_verifier import HmacVerifier
from router.sources.secret_config import SecretConfig
from router.sources.signed_text import SignedText


class SlackVerifierConfig(SecretConfig, frozen=True, kw_only=True):
    """The options of ``slack``; the secret is the signing secret of the app."""

    tolerance: Duration = Duration(300)
    """The most by which the signed time may differ from the router's."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_tolerance(self.tolerance)


class SlackVerifier(HmacVerifier):
    """Checks Slack's signature and its time."""

    def __init__(self, config: SlackVerifierConfig, environment: VerifierEnvironment) -> None:
        scheme = HmacScheme(
            header="X-Slack-Signature",
            signed=SignedText.parse("v0:{timestamp}:{body}"),
            prefix="v0=",
            timestamp="X-Slack-Request-Timestamp",
            tolerance=config.tolerance,
            place="the app on Slack (its signing secret)",
        )
        super().__init__(scheme, config.secret, environment)
