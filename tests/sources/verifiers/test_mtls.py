"""Client certificates in the headers of proxies."""

import datetime as dt
from urllib.parse import quote

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from multidict import CIMultiDict
from support.requests_of_senders import head_of

from router.datatypes import Networks
from router.sources.client_certificate import CertificateFormat
from router.sources.verifiers.mtls import MtlsConfig, MtlsVerifier

NOW = 1_764_000_000.0
KEY = ec.generate_private_key(ec.SECP256R1())
ENVOY = "X-Forwarded-Client-Cert"
URI = "spiffe://example.com/crm"


def made() -> x509.Certificate:
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Example, Inc"),
            x509.NameAttribute(NameOID.COMMON_NAME, "crm"),
        ]
    )
    names = [x509.DNSName("crm.example.com"), x509.UniformResourceIdentifier(URI)]
    begin = dt.datetime(2025, 1, 1, tzinfo=dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(KEY.public_key())
        .serial_number(1)
        .not_valid_before(begin)
        .not_valid_after(begin + dt.timedelta(days=730))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(KEY, hashes.SHA256())
    )


CERTIFICATE = made()
PEM = CERTIFICATE.public_bytes(Encoding.PEM).decode()
BARE = "".join(line for line in PEM.splitlines() if not line.startswith("-"))
FINGERPRINT = CERTIFICATE.fingerprint(hashes.SHA256()).hex()
NGINX = {"header": "X-Client-Cert", "verified": "X-Client-Verify"}
PEM_OPTIONS = {**NGINX, "format": CertificateFormat.PEM}


def refusal_of(headers, environment, *, at=NOW, proxies="192.0.2.7", **options):
    environment = msgspec.structs.replace(environment, trusted_proxies=Networks.parse(proxies))
    head = head_of({"X-Client-Verify": "SUCCESS", **headers}, received_at=at)
    return MtlsVerifier(MtlsConfig(**options), environment).check_head(head)


@pytest.mark.parametrize(
    ("text", "options"),
    [
        (quote(PEM, safe=""), {**PEM_OPTIONS, "fingerprints": (FINGERPRINT.upper(),)}),
        (quote(PEM), {**PEM_OPTIONS, "dns": ("CRM.example.com",), "uris": (URI,)}),
        (PEM.replace("\n", " "), {**PEM_OPTIONS, "subjects": (r"CN=crm,O=Example\, Inc",)}),
        (BARE, {**PEM_OPTIONS, "subjects": (r"O=Example\, Inc, cn=crm",)}),
        (f"{BARE},{BARE}", {**PEM_OPTIONS, "uris": (URI,)}),
        (
            r"CN=crm,O=Example\, Inc",
            {
                **NGINX,
                "format": CertificateFormat.SUBJECT,
                "subjects": (r"O=Example\, Inc,CN=crm", "CN=x"),
            },
        ),
        (
            ":".join(FINGERPRINT[i : i + 2] for i in range(0, 64, 2)),
            {**NGINX, "format": CertificateFormat.FINGERPRINT, "fingerprints": (FINGERPRINT,)},
        ),
    ],
    ids=["escaped", "quoted", "spaces", "bare", "a chain", "subject", "fingerprint"],
)
def test_a_certificate_passes_in_each_format(text, options, environment):
    assert refusal_of({"X-Client-Cert": text}, environment, **options) is None


@pytest.mark.parametrize(
    ("text", "passes"),
    [
        (f"URI={URI}", True),
        (f'By=spiffe://a;Hash=00;Subject="CN=x;,=\\"y";URI={URI};DNS=a', True),
        (f"URI=spiffe://other;URI={URI}", True),
        (f"URI=spiffe://other,URI={URI}", True),
        (f"URI={URI},URI=spiffe://proxy", False),
        (f'Subject="URI={URI}"', False),
        (f'Subject="x\\";URI={URI};DNS=y"', False),
        (f"By={URI}", False),
        (f'Subject="open;URI={URI}', False),
        (";" * 5000, False),
    ],
)
def test_the_last_element_of_envoys_header_counts(text, passes, environment):
    assert (refusal_of({ENVOY: text}, environment, uris=(URI,)) is None) is passes


@pytest.mark.parametrize(
    ("headers", "more", "expected"),
    [
        (
            {},
            {"proxies": "10.0.0.0/8"},
            "192.0.2.7 sent the header X-Client-Cert and is no trusted",
        ),
        ({"X-Client-Verify": "FAILED:expired"}, {}, "X-Client-Verify does not say SUCCESS"),
        ({"X-Client-Cert": "garbage"}, {}, "has not the format pem"),
        ({"X-Client-Cert": "A" * 20_000}, {}, "has not the format pem"),
        ({}, {"at": NOW + 2 * 366 * 86400}, "the certificate has expired"),
        ({}, {"at": NOW - 366 * 86400}, "the certificate is not valid yet"),
        ({}, {"dns": ("x",)}, "the DNS names are crm.example.com, and dns has none of them"),
        ({}, {"uris": ("x:y",)}, f"the URIs are {URI}, and uris has none of them"),
        ({}, {"subjects": ("CN=crm",)}, "and subjects has no such one"),
        ({}, {"fingerprints": ("00" * 32,)}, "and fingerprints has no such one"),
    ],
)
def test_another_certificate_or_proxy_is_refused(headers, more, expected, environment):
    options = {**PEM_OPTIONS, "dns": ("crm.example.com",), **more}
    refusal = refusal_of({"X-Client-Cert": quote(PEM), **headers}, environment, **options)
    assert refusal.status == 403
    assert expected in refusal.hint


def test_a_header_that_the_client_sent_beside_the_proxys_is_refused(environment):
    """Mutant: the first of two headers counts, which is the client's."""
    shared = msgspec.structs.replace(environment, trusted_proxies=Networks.parse("192.0.2.7"))
    headers = CIMultiDict([(ENVOY, f"URI={URI}"), (ENVOY, "URI=spiffe://other")])
    refusal = MtlsVerifier(MtlsConfig(uris=(URI,)), shared).check_head(
        msgspec.structs.replace(head_of({}), headers=headers)
    )
    assert "is there twice" in refusal.hint


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({}, "mtls needs one of subjects, dns, uris, fingerprints"),
        ({"format": CertificateFormat.PEM, "dns": ("a",)}, "verified must name the header"),
        ({"fingerprints": ("00",)}, "fingerprints must be SHA-256 in hex"),
        (
            {**NGINX, "format": CertificateFormat.SUBJECT, "dns": ("a",)},
            "dns cannot be matched: the format subject has subjects",
        ),
    ],
)
def test_options_that_let_too_much_pass_are_errors(options, problem):
    with pytest.raises(ValueError, match=problem):
        MtlsConfig(**options)
