"""GitHub's signature: an HMAC-SHA256 of the body, in hex, in ``X-Hub-Signature-256``.

There is no timestamp: de-duplication by ``X-GitHub-Delivery`` is the protection against replays.

Source: GitHub, "Validating webhook deliveries".
"""

from router.sources.contract import VerifierEnvironment
from router.sources.hmac_scheme import HmacScheme
from router.sources.hmac_verifier import HmacVerifier
from router.sources.secret_config import SecretConfig


class GithubConfig(SecretConfig, frozen=True, kw_only=True):
    """The options of ``github``."""


class GithubVerifier(HmacVerifier):
    """Checks GitHub's signature."""

    def __init__(self, config: GithubConfig, environment: VerifierEnvironment) -> None:
        scheme = HmacScheme(
            header="X-Hub-Signature-256",
            prefix="sha256=",
            place="the webhook's settings on GitHub",
        )
        super().__init__(scheme, config.secret, environment)
