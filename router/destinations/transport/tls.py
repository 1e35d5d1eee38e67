"""A destination's own certificates: one to trust as authority, and one to present (mTLS)."""

import ssl

import msgspec

from router.bounded_read import check_readable
from router.datatypes import Secret


class TlsConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """PEM files, read when the rules are loaded. Paths are those of the router's process."""

    certificate: str = ""
    """The certificate to present, followed by its intermediate authorities."""
    key: str = ""
    """The certificate's private key; ``""`` if it is in the certificate's file."""
    key_password: Secret | None = None
    """The password of an encrypted key."""
    ca: str = ""
    """The authority of the receiver's certificate, instead of the system's authorities."""

    def __post_init__(self) -> None:
        if not self.certificate and not self.ca:
            raise ValueError("tls needs a certificate to present, a ca to trust, or both")
        if self.key and not self.certificate:
            raise ValueError("key is given without a certificate")
        client_context(self, ssl.create_default_context())


def client_context(config: TlsConfig, trusting: ssl.SSLContext) -> ssl.SSLContext:
    """Return a TLS context for one destination.

    Args:
        config: The destination's files.
        trusting: The context whose authorities are trusted if ``config`` names none.

    Raises:
        ValueError: A file cannot be used; the message names its key in the configuration.
    """
    for key, path in (("certificate", config.certificate), ("key", config.key), ("ca", config.ca)):
        _check_readable(key, path)
    context = ssl.create_default_context(cafile=None) if not config.ca else _trust_only(config.ca)
    if not config.ca:
        _trust_as(context, trusting)
    if config.certificate:
        _present(context, config)
    return context


def _trust_only(ca: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca)
    except ssl.SSLError:
        raise ValueError("ca: the file contains no certificate in PEM") from None


def _trust_as(context: ssl.SSLContext, trusting: ssl.SSLContext) -> None:
    for certificate in trusting.get_ca_certs(binary_form=True):
        context.load_verify_locations(cadata=certificate)


def _present(context: ssl.SSLContext, config: TlsConfig) -> None:
    password = config.key_password.reveal() if config.key_password else ""
    try:
        # Given as a function, because OpenSSL would ask for it at the terminal otherwise.
        context.load_cert_chain(config.certificate, config.key or None, password=lambda: password)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise ValueError("key does not belong to the certificate") from None
        if "PASSWORD" in str(error.reason) or "BAD_DECRYPT" in str(error.reason):
            raise ValueError("key_password does not decrypt the key") from None
        raise ValueError("certificate: the files are not a certificate and a key in PEM") from None


def _check_readable(key: str, path: str) -> None:
    if not path:
        return
    try:
        check_readable(path)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a path"
        # Without the path, because it may come from a variable and then is not to be repeated.
        raise ValueError(f"{key}: the file cannot be read: {reason}") from None
