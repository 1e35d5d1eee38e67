"""Any signature with a shared secret: an HMAC of a text that the options describe, in a header.

Source: RFC 2104, and the forms that senders have in common.
"""

from typing import Final

from router.datatypes import Duration
from router.sources.contract import OptionWarning, VerifierEnvironment
from router.sources.freshness import check_tolerance
from router.sources.header_names import check_header_name
from router.sources.hmac_scheme import HASHES, HmacScheme, SignatureEncoding
from router.sources.hmac_verifier import HmacVerifier
from router.sources.secret_config import SecretConfig, secret_warnings
from router.sources.signed_text import SignedText

_SEPARATORS: Final = {"": "", ",": ",", "comma": ",", " ": " ", "space": " "}


class HmacConfig(SecretConfig, frozen=True, kw_only=True):
    """The options of ``hmac``."""

    header: str
    """The header with the signature."""
    algorithm: str = "sha256"
    """The hash function: ``sha1``, ``sha256`` or ``sha512``."""
    encoding: SignatureEncoding = SignatureEncoding.HEX
    """How the signature is written: ``hex``, ``base64`` or ``base64url``."""
    prefix: str = ""
    """The text in front of the signature, such as ``sha256=``."""
    signed: str = "{body}"
    """The signed text, with ``{body}``, ``{timestamp}``, ``{header:NAME}``, ``{url}``, ``{method}``,
    ``{path}`` and ``{query}``."""
    timestamp: str | None = None
    """The header with the signed time."""
    tolerance: Duration = Duration(300)
    """The most by which the signed time may differ from the router's."""
    separator: str = ""
    """The separator of several signatures: ``comma`` or ``space``; empty if there is one only."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_tolerance(self.tolerance)
        if self.algorithm not in HASHES:
            why = ", because md5 is broken" if self.algorithm == "md5" else ""
            raise ValueError(f"algorithm must be one of {', '.join(HASHES)}{why}")
        if self.separator not in _SEPARATORS:
            raise ValueError("separator must be comma or space")
        check_header_name("header", self.header)
        check_header_name("timestamp", self.timestamp)
        _check_text(self.signed, self.timestamp)

    def warnings(self) -> tuple[OptionWarning, ...]:
        """Return what ``router check`` warns of."""
        found = [*secret_warnings(self.secret)]
        if self.timestamp is None:
            found.append(
                OptionWarning(
                    "signed",
                    "without a timestamp a copy of a signed request passes at any time",
                    "sign the time as well, if the sender can: timestamp: X-Timestamp, signed:"
                    ' "{timestamp}.{body}"',
                )
            )
        return tuple(found)


class GenericHmacVerifier(HmacVerifier):
    """Checks the signature that the options describe."""

    def __init__(self, config: HmacConfig, environment: VerifierEnvironment) -> None:
        scheme = HmacScheme(
            header=config.header,
            signed=SignedText.parse(config.signed),
            hash_name=next(name for name in HASHES if name == config.algorithm),
            encoding=config.encoding,
            prefix=config.prefix,
            separator=_SEPARATORS[config.separator],
            timestamp=config.timestamp or "",
            tolerance=config.tolerance,
            place="the sender",
        )
        super().__init__(scheme, config.secret, environment)


def _check_text(signed: str, timestamp: str | None) -> None:
    """Raise ValueError if a part of the request would be unprotected."""
    try:
        text = SignedText.parse(signed)
    except ValueError as error:
        raise ValueError(f"signed {error}") from None
    if not text.names("body"):
        raise ValueError("signed must contain {body}, or a stranger could change the body")
    if timestamp is None and text.names("timestamp"):
        raise ValueError("signed contains {timestamp}: name its header, timestamp: X-Timestamp")
    if timestamp is not None and not _covers_time(text, timestamp):
        raise ValueError(
            "signed must contain {timestamp}, or a copy of a request could have a new time"
        )


def _covers_time(text: SignedText, timestamp: str) -> bool:
    named = f"{{header:{timestamp}}}".lower()
    return text.names("timestamp") or named in text.template.lower()
