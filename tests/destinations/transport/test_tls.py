"""The certificates that a destination presents and trusts."""

import ssl
from pathlib import Path

import msgspec
import pytest
import trustme
from contracts.destination import attempt
from support.sinks import HttpSink

from router.alerts import Delivered, Failed
from router.datatypes import Secret
from router.destinations.http import HttpDestination
from router.destinations.http_config import HttpConfig
from router.destinations.transport.tls import TlsConfig


@pytest.fixture
def files(tmp_path: Path, authority: trustme.CA):
    """A client's certificate, its key, and the authority of both sides, as files."""
    issued = authority.issue_cert("client.example")
    certificate, key, ca = (tmp_path / f"{name}.pem" for name in ("certificate", "key", "ca"))
    issued.cert_chain_pems[0].write_to_path(certificate)
    issued.private_key_pem.write_to_path(key)
    authority.cert_pem.write_to_path(ca)
    return {"certificate": str(certificate), "key": str(key), "ca": str(ca)}


@pytest.fixture
def asking(authority: trustme.CA) -> ssl.SSLContext:
    """A server that asks for a certificate of the authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    authority.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    return context


async def test_a_server_that_asks_for_it_is_shown_the_certificate(
    environment, delivery, files, asking, stranger
):
    distrusting = msgspec.structs.replace(environment, tls=stranger)
    async with HttpSink(tls=asking) as sink:
        for settings, expected in (
            ({"tls": TlsConfig(**files)}, Delivered),
            ({"tls": TlsConfig(ca=files["ca"])}, Failed),
            ({}, Failed),
        ):
            made = HttpConfig(url=Secret(sink.url), **settings)
            outcome = await attempt(HttpDestination("x", made, distrusting), delivery)
            assert type(outcome) is expected


async def test_the_environments_authorities_are_trusted_if_no_ca_is_named(
    environment, delivery, files, asking
):
    async with HttpSink(tls=asking) as sink:
        tls = TlsConfig(certificate=files["certificate"], key=files["key"])
        made = HttpConfig(url=Secret(sink.url), tls=tls)
        assert await attempt(HttpDestination("x", made, environment), delivery) == Delivered(200)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"key": "certificate"}, "certificate: the files are not a certificate and a key"),
        ({"certificate": "key"}, "the files are not a certificate and a key"),
        ({"ca": "key"}, "ca: the file contains no certificate"),
    ],
)
def test_an_invalid_file_is_named(changed, message, files):
    with pytest.raises(ValueError, match=message):
        TlsConfig(**files | {name: files[other] for name, other in changed.items()})


def test_a_key_of_another_certificate_is_reported(files, tmp_path):
    other = tmp_path / "other.pem"
    trustme.CA().issue_cert("x.example").private_key_pem.write_to_path(other)
    with pytest.raises(ValueError, match="key does not belong to the certificate"):
        TlsConfig(**files | {"key": str(other)})
