"""A client certificate, which a proxy that ended TLS has verified and describes in a header.

The header counts only if a trusted proxy sent it, because any client can write one. The proxy must
remove the header from requests that it forwards, and must verify the certificate against the CA of
the sender: Envoy does so before it writes its header; nginx says so in ``$ssl_client_verify``.
"""

import re
from collections.abc import Iterable, Iterator
from http import HTTPStatus
from typing import ClassVar, Final

from router.printable import one_printable_line, shortened
from router.sources.client_certificate import (
    CertificateFormat,
    ClientCertificate,
    plain_fingerprint,
    read_certificate,
    same_subject,
)
from router.sources.contract import (
    Refusal,
    RequestHead,
    Verifier,
    VerifierConfig,
    VerifierEnvironment,
)
from router.sources.header_names import check_header_name
from router.sources.missing_header import missing_header_hint

_SUCCESS: Final = "SUCCESS"
_FINGERPRINT: Final = re.compile(r"[0-9a-f]{64}")
_MATCHED: Final = ("subjects", "dns", "uris", "fingerprints")
_MAX_HEADER: Final = 16384
"""Characters of a header; a certificate is long."""
_MAX_VALUES: Final = 100
_SHOWN: Final = 200


class MtlsConfig(VerifierConfig, frozen=True, kw_only=True):
    """The options of ``mtls``. Each list that is given must have the certificate's value."""

    short_key: ClassVar[str] = "fingerprints"

    header: str = "X-Forwarded-Client-Cert"
    """The header in which the proxy describes the certificate."""
    format: CertificateFormat = CertificateFormat.ENVOY
    """How it does so: ``envoy``, ``pem``, ``subject`` or ``fingerprint``."""
    verified: str | None = None
    """The header with nginx's ``$ssl_client_verify``, which must say ``SUCCESS``. All formats but
    ``envoy`` need it."""
    subjects: tuple[str, ...] = ()
    """Subjects, such as ``CN=crm,O=Example``, in any order of their attributes."""
    dns: tuple[str, ...] = ()
    """DNS names among the alternative names."""
    uris: tuple[str, ...] = ()
    """URIs among the alternative names, such as ``spiffe://example.com/crm``."""
    fingerprints: tuple[str, ...] = ()
    """SHA-256 fingerprints in hex, with or without colons."""

    def __post_init__(self) -> None:
        if not any(getattr(self, name) for name in _MATCHED):
            raise ValueError(
                f"mtls needs one of {', '.join(_MATCHED)}, or each certificate of the proxy's CA"
                " would pass"
            )
        if self.format is not CertificateFormat.ENVOY and self.verified is None:
            raise ValueError(
                "verified must name the header with the proxy's verdict, such as"
                " X-Client-Verify: nginx passes on certificates that it has not verified"
            )
        check_header_name("header", self.header)
        check_header_name("verified", self.verified)
        for name in _MATCHED:
            if len(getattr(self, name)) > _MAX_VALUES:
                raise ValueError(f"{name} has more than {_MAX_VALUES} values")
        if not all(_FINGERPRINT.fullmatch(plain_fingerprint(each)) for each in self.fingerprints):
            raise ValueError("fingerprints must be SHA-256 in hex, which has 64 digits")
        self._check_format()

    def _check_format(self) -> None:
        """Raise ValueError for a list that no header of the format can match."""
        only = {
            CertificateFormat.SUBJECT: "subjects",
            CertificateFormat.FINGERPRINT: "fingerprints",
        }
        known = only.get(self.format)
        for name in _MATCHED:
            if known and name != known and getattr(self, name):
                raise ValueError(f"{name} cannot be matched: the format {self.format} has {known}")


class MtlsVerifier(Verifier):
    """Checks the certificate, before the body is read."""

    def __init__(self, config: MtlsConfig, environment: VerifierEnvironment) -> None:
        self._config = config
        self._proxies = environment.trusted_proxies
        self._fingerprints = frozenset(map(plain_fingerprint, config.fingerprints))

    def check_head(self, head: RequestHead) -> Refusal | None:
        """Refuse a request without a certificate, and one whose certificate is another."""
        config = self._config
        text = head.headers.get(config.header, "").strip()
        if not text:
            return Refusal(
                code="no_certificate",
                reason="a client certificate is missing",
                hint=missing_header_hint(
                    head, config.header, f"the proxy must send the header {config.header}"
                ),
                status=HTTPStatus.UNAUTHORIZED,
            )
        problem = self._proxy_problem(head)
        if not problem:
            readable = len(text) <= _MAX_HEADER
            certificate = read_certificate(text, config.format) if readable else None
            problem = (
                f"the header {config.header} has not the format {config.format}"
                if certificate is None
                else next(self._differences(head, certificate), "")
            )
        if not problem:
            return None
        return Refusal(
            code="wrong_certificate", reason="the client certificate is not allowed", hint=problem
        )

    def needs_exact_body(self) -> bool:
        """Return False, because the body is not signed."""
        return False

    def _proxy_problem(self, head: RequestHead) -> str:
        """Return why the headers cannot be those of a trusted proxy; ``""`` if they are."""
        config = self._config
        if not self._proxies.contains(head.peer):
            return (
                f"{head.peer} sent the header {config.header} and is no trusted proxy: if it is a"
                " proxy of yours, add it to ROUTER_TRUSTED_PROXIES"
            )
        names = [name.lower() for name, _ in head.headers.items()]
        for header in filter(None, (config.header, config.verified)):
            if names.count(header.lower()) > 1:
                return f"the header {header} is there twice: the proxy must remove the client's"
        if config.verified and head.headers.get(config.verified, "").strip() != _SUCCESS:
            return f"the proxy's header {config.verified} does not say {_SUCCESS}"
        return ""

    def _differences(self, head: RequestHead, found: ClientCertificate) -> Iterator[str]:
        """Yield in which ways the certificate is not one that the options allow."""
        config = self._config
        if found.not_after is not None and head.received_at > found.not_after:
            yield "the certificate has expired"
        if found.not_before is not None and head.received_at < found.not_before:
            yield "the certificate is not valid yet"
        if config.subjects and not any(
            same_subject(found.subject, subject) for subject in config.subjects
        ):
            yield f"the subject is {_shown(found.subject)}, and subjects has no such one"
        if config.dns and not _lower(found.dns) & _lower(config.dns):
            yield f"the DNS names are {_shown(*found.dns)}, and dns has none of them"
        if config.uris and not set(found.uris) & set(config.uris):
            yield f"the URIs are {_shown(*found.uris)}, and uris has none of them"
        if self._fingerprints and found.fingerprint not in self._fingerprints:
            shown = _shown(found.fingerprint)
            yield f"the fingerprint is {shown}, and fingerprints has no such one"


def _lower(names: Iterable[str]) -> set[str]:
    return {name.lower() for name in names}


def _shown(*values: str) -> str:
    text = ", ".join(value[:_SHOWN] for value in values[:3])
    return shortened(one_printable_line(text), _SHOWN) or "none"
