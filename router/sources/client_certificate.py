"""The client certificate of a request, as a proxy that ended TLS describes it in a header. Pure.

| format | written by | the header has |
|---|---|---|
| ``envoy`` | Envoy, Istio | ``By=…;Hash=…;Subject="…";URI=…;DNS=…``, an element for each proxy, the nearest last |
| ``pem`` | nginx (``$ssl_client_escaped_cert``), Traefik, AWS load balancers | the certificate, URL-encoded or not, with or without the lines of PEM |
| ``subject`` | nginx (``$ssl_client_s_dn``), Apache, HAProxy | the subject: ``CN=…,O=…`` |
| ``fingerprint`` | nginx, HAProxy, Cloudflare | the SHA-256 of the certificate in hex |

Source: Envoy, "HTTP header manipulation", section "x-forwarded-client-cert"; nginx, "Module
ngx_http_ssl_module", section "Embedded Variables"; RFC 4514.
"""

import base64
import binascii
import enum
import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import unquote

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes

_PEM: Final = re.compile(r"-----(?:BEGIN|END) CERTIFICATE-----")
_PAIR: Final = re.compile(r'([A-Za-z]+)=("(?:[^"\\]|\\.)*"|[^;,"]*)(;|,|\Z)')
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)
_MAX_PAIRS: Final = 200
_RDN: Final = re.compile(r"((?:[^,+\\]|\\.)*)(?:[,+]|\Z)", re.DOTALL)


class CertificateFormat(enum.StrEnum):
    """How a proxy describes the certificate."""

    ENVOY = "envoy"
    PEM = "pem"
    SUBJECT = "subject"
    FINGERPRINT = "fingerprint"


class ClientCertificate(msgspec.Struct, frozen=True, kw_only=True):
    """The properties of a certificate that the header has."""

    subject: str = ""
    dns: tuple[str, ...] = ()
    uris: tuple[str, ...] = ()
    fingerprint: str = ""
    """The SHA-256 in hex, in lower case."""
    not_before: float | None = None
    not_after: float | None = None


def read_certificate(text: str, written_as: CertificateFormat) -> ClientCertificate | None:
    """Return the certificate that a header describes; None if it describes none."""
    match written_as:
        case CertificateFormat.ENVOY:
            return _of_envoy(text)
        case CertificateFormat.PEM:
            return _of_pem(text)
        case CertificateFormat.SUBJECT:
            return ClientCertificate(subject=text) if "=" in text else None
        case CertificateFormat.FINGERPRINT:
            return ClientCertificate(fingerprint=plain_fingerprint(text))


def plain_fingerprint(text: str) -> str:
    """Return a fingerprint in lower case without colons."""
    return text.strip().replace(":", "").lower()


def same_subject(one: str, other: str) -> bool:
    """Return whether two subjects have the same attributes, in any order.

    nginx writes the most specific attribute first, and other proxies the least specific.
    """
    return [*_attributes(one)] != [] and sorted(_attributes(one)) == sorted(_attributes(other))


def _attributes(subject: str) -> Iterator[str]:
    for found in _RDN.finditer(subject):
        kind, equals, value = found[1].partition("=")
        if equals:
            plain = _ESCAPED.sub(r"\1", value.strip())
            yield f"{kind.strip().upper()}={plain}"


def _of_envoy(text: str) -> ClientCertificate | None:
    """Return the certificate of the last element, which the nearest proxy wrote."""
    elements: list[list[tuple[str, str]]] = [[]]
    position = 0
    for _ in range(_MAX_PAIRS):
        found = _PAIR.match(text, position)
        if found is None:
            return None
        value = found[2]
        if value.startswith('"'):
            value = _ESCAPED.sub(r"\1", value[1:-1])
        elements[-1].append((found[1].lower(), value))
        if found[3] == ",":
            elements.append([])
        position = found.end()
        if position == len(text) and not found[3]:
            break
    else:
        return None
    last = elements[-1]
    values = {key: tuple(value for name, value in last if name == key and value) for key, _ in last}
    return ClientCertificate(
        subject=next(iter(values.get("subject", ())), ""),
        dns=values.get("dns", ()),
        uris=values.get("uri", ()),
        fingerprint=plain_fingerprint(next(iter(values.get("hash", ())), "")),
    )


def _of_pem(text: str) -> ClientCertificate | None:
    encoded = "".join(_PEM.sub("", unquote(text)).partition(",")[0].split())
    try:
        certificate = x509.load_der_x509_certificate(base64.b64decode(encoded, validate=True))
        names = _alternative_names(certificate)
        return ClientCertificate(
            subject=certificate.subject.rfc4514_string(),
            dns=tuple(names.get_values_for_type(x509.DNSName)) if names else (),
            uris=tuple(names.get_values_for_type(x509.UniformResourceIdentifier)) if names else (),
            fingerprint=certificate.fingerprint(hashes.SHA256()).hex(),
            not_before=certificate.not_valid_before_utc.timestamp(),
            not_after=certificate.not_valid_after_utc.timestamp(),
        )
    except (ValueError, TypeError, binascii.Error, x509.DuplicateExtension):
        return None


def _alternative_names(certificate: x509.Certificate) -> x509.SubjectAlternativeName | None:
    try:
        return certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return None
