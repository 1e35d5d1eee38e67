"""Why TLS to Redis failed, and what would be right, as far as the error tells.

Two mistakes have no error of their own: a server without TLS waits for the end of what it takes for a command,
and a server with TLS hangs up on a command. ``second_connection`` finds them.

Sources: OpenSSL's X509_V_ERR_* (x509_vfy.h) and the alerts of RFC 8446, section 6.2.
"""

import ssl
from typing import Final

from router.journal.connection_faults import ConnectionFault, causes_of

_AUTHORITY: Final = ConnectionFault(
    "shows a TLS certificate of an authority that is not trusted here",
    "name the file of its authority in ROUTER_REDIS_URL: ?ssl_ca_certs=/path/ca.pem",
)
_NAME: Final = ConnectionFault(
    "shows a TLS certificate for another host name than that in ROUTER_REDIS_URL",
    "write a name of the certificate, or have the name added to it",
)
_BY_VERIFY_CODE: Final = {
    9: ConnectionFault(
        "shows a TLS certificate that is not valid yet", "compare the clocks of both machines"
    ),
    10: ConnectionFault("shows a TLS certificate that has expired", "renew it at the server"),
    18: _AUTHORITY,
    19: _AUTHORITY,
    20: _AUTHORITY,
    21: _AUTHORITY,
    62: _NAME,
    64: _NAME,
}
_OTHER_CERTIFICATE: Final = ConnectionFault(
    "shows a TLS certificate that cannot be trusted",
    "see docs/operate/redis.md",
)
CLIENT_CERTIFICATE: Final = ConnectionFault(
    "asks for a client certificate of an authority that it trusts",
    "write it in ROUTER_REDIS_URL: ?ssl_certfile=/path/client.pem&ssl_keyfile=/path/client.key",
)
NO_TLS: Final = ConnectionFault(
    "speaks no TLS at the port in ROUTER_REDIS_URL",
    "write the port of its TLS, or redis:// instead of rediss://",
)
TLS: Final = ConnectionFault(
    "speaks TLS at the port in ROUTER_REDIS_URL",
    "write rediss:// instead of redis://",
)
_VERSIONS: Final = ConnectionFault(
    "has no TLS version or cipher in common with this machine",
    "allow TLS 1.2 or 1.3",
)
_BY_REASON: Final = (
    ("WRONG_VERSION_NUMBER", NO_TLS),
    ("RECORD_LAYER_FAILURE", NO_TLS),
    ("PACKET_LENGTH_TOO_LONG", NO_TLS),
    ("CERTIFICATE", CLIENT_CERTIFICATE),
    ("UNKNOWN_CA", CLIENT_CERTIFICATE),
    ("PROTOCOL", _VERSIONS),
    ("HANDSHAKE_FAILURE", _VERSIONS),
)
"""Parts of OpenSSL's reasons, the first that fits."""


def tls_fault(error: BaseException) -> ConnectionFault | None:
    """Return what is wrong with TLS, as far as an error tells; None if nothing is."""
    for cause in causes_of(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return _BY_VERIFY_CODE.get(cause.verify_code, _OTHER_CERTIFICATE)
        if isinstance(cause, ssl.SSLError):
            reason = cause.reason or ""
            return next((fault for part, fault in _BY_REASON if part in reason), None)
    return None
