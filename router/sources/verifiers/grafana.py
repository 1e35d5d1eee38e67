"""Grafana's signature: an HMAC-SHA256, in hex, in ``X-Grafana-Alerting-Signature``.

It signs the body, or ``<timestamp>:<body>`` if the contact point names a header for the time. Both
names of headers can be changed in the contact point.

Source: Grafana, "Configure webhook notifications", section "HMAC signature".
"""

from router.datatypes import Duration
from router.sources.contract import OptionWarning, VerifierEnvironment
from router.sources.freshness import check_tolerance
from router.sources.header_names import check_header_name
from router.sources.hmac_scheme import HmacScheme
from router.sources.hmac_verifier import HmacVerifier
from router.sources.secret_config import SecretConfig, secret_warnings
from router.sources.signed_text import SignedText


class GrafanaConfig(SecretConfig, frozen=True, kw_only=True):
    """The options of ``grafana``; the secret is that of the contact point."""

    header: str = "X-Grafana-Alerting-Signature"
    """The header with the signature."""
    timestamp: str | None = None
    """The header with the time, if the contact point names one."""
    tolerance: Duration = Duration(300)
    """The most by which the signed time may differ from the router's."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_tolerance(self.tolerance)
        check_header_name("header", self.header)
        check_header_name("timestamp", self.timestamp)

    def warnings(self) -> tuple[OptionWarning, ...]:
        """Return what ``router check`` warns of."""
        if self.timestamp:
            return secret_warnings(self.secret)
        replays = OptionWarning(
            "secret",
            "without a timestamp a copy of a signed request passes at any time",
            "set a timestamp header in Grafana's contact point, and its name as timestamp",
        )
        return (*secret_warnings(self.secret), replays)


class GrafanaVerifier(HmacVerifier):
    """Checks Grafana's signature, and its time if there is one."""

    def __init__(self, config: GrafanaConfig, environment: VerifierEnvironment) -> None:
        scheme = HmacScheme(
            header=config.header,
            signed=SignedText.parse("{timestamp}:{body}" if config.timestamp else "{body}"),
            timestamp=config.timestamp or "",
            tolerance=config.tolerance,
            place="the contact point in Grafana (HMAC signature)",
        )
        super().__init__(scheme, config.secret, environment)
