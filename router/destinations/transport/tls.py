"""Certificates that a destination is to be met with: its own authority, and ours to show (mTLS)."""

import ssl
from pathlib import Path

import msgspec

from router.datatypes import Secret


class TlsConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Files in PEM, read when the rules are loaded. Paths are as seen by the router's process."""

    certificate: str = ""
    """Shown to the receiver, with the authorities in between behind it."""
    key: str = ""
    """The certificate's private key; ``""`` where it stands in the certificate's file."""
    key_password: Secret | None = None
    ca: str = ""
    """The authority that the receiver's certificate must be of, instead of the system's."""

    def __post_init__(self) -> None:
        if not self.certificate and not self.ca:
            raise ValueError("tls needs a certificate to show, a ca to trust, or both")
        if self.key and not self.certificate:
            raise ValueError("key is given without a certificate")
        client_context(self, ssl.create_default_context())


def client_context(config: TlsConfig, trusting: ssl.SSLContext) -> ssl.SSLContext:
    """A context of this destination's own; ``trusting`` is whom to trust where there is no ca.

    Raises ValueError naming the key of the configuration whose file does not serve.
    """
    for key, path in (("certificate", config.certificate), ("key", config.key), ("ca", config.ca)):
        _check_readable(key, path)
    made = ssl.create_default_context(cafile=None) if not config.ca else _trusting_only(config.ca)
    if not config.ca:
        _trust_as(made, trusting)
    if config.certificate:
        _show(made, config)
    return made


def _trusting_only(ca: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca)
    except ssl.SSLError:
        raise ValueError("ca: the file holds no certificate in PEM") from None


def _trust_as(made: ssl.SSLContext, trusting: ssl.SSLContext) -> None:
    for certificate in trusting.get_ca_certs(binary_form=True):
        made.load_verify_locations(cadata=certificate)


def _show(made: ssl.SSLContext, config: TlsConfig) -> None:
    password = config.key_password.reveal() if config.key_password else ""
    try:
        # Given as a function, or OpenSSL would ask for it at the terminal.
        made.load_cert_chain(config.certificate, config.key or None, password=lambda: password)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise ValueError("key does not belong to the certificate") from None
        if "PASSWORD" in str(error.reason) or "BAD_DECRYPT" in str(error.reason):
            raise ValueError("key_password does not open the key") from None
        raise ValueError("certificate: the files are no certificate and key in PEM") from None


def _check_readable(key: str, path: str) -> None:
    if not path:
        return
    try:
        with Path(path).open("rb"):
            pass
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a path"
        # Without the path, which may come from a variable, and then is not to be repeated.
        raise ValueError(f"{key}: the file cannot be read: {reason}") from None
