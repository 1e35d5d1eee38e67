"""Connection failures in a few fixed words.

The words are a closed set, because they are shown, counted and compared. The exceptions' own texts
are not used, because they contain URLs, which contain secrets.
"""

import errno
import socket
import ssl
from typing import Final

import aiohttp

from router.alerts import Failed, Refused
from router.destinations.transport.egress import EgressDeniedError
from router.destinations.transport.name_resolver import NameLookupTimeoutError

NETWORK_ERRORS: Final = (aiohttp.ClientError, OSError)
"""The errors that a receiver, or the network to it, can cause. TimeoutError is an OSError."""

_BY_ERRNO: Final = {
    errno.ECONNREFUSED: "connection refused",
    errno.EPIPE: "connection reset",
    errno.ENETUNREACH: "no route to host",
    errno.EHOSTUNREACH: "no route to host",
    errno.ETIMEDOUT: "timed out",
    errno.EMFILE: "too many open files in this process",
    errno.ENFILE: "too many open files on this machine",
}
# OpenSSL's X509_V_ERR_* numbers, from x509_vfy.h.
_BY_VERIFY_CODE: Final = {
    9: "TLS certificate not yet valid",
    10: "TLS certificate expired",
    18: "TLS certificate self-signed",
    19: "TLS certificate self-signed",
    20: "TLS certificate from an unknown authority",
    62: "TLS certificate for another host name",
    64: "TLS certificate for another host name",
}


def outcome(
    error: BaseException, status: int | None = None, *, otherwise: str = "connection failed"
) -> Failed | Refused:
    """Return the outcome of an attempt that ended in an error. Only a forbidden address is final.

    Args:
        error: The error.
        status: The reply's status, if the reply broke off after it.
        otherwise: The reason if the error is not one known here.
    """
    causes = _causes(error)
    if any(isinstance(cause, EgressDeniedError) for cause in causes):
        return Refused("address not allowed by ROUTER_EGRESS", status)
    reasons = (found for cause in causes if (found := _reason(cause)))
    return Failed(next(reasons, otherwise), status)


def _causes(error: BaseException) -> list[BaseException]:
    """Return the error and its causes, the innermost first, because it is the most specific."""
    causes: list[BaseException] = []
    following: BaseException | None = error
    while following is not None and following not in causes:
        causes.append(following)
        following = following.__cause__
    return causes[::-1]


def _reason(error: BaseException) -> str:
    if isinstance(error, OSError):
        return _os_reason(error)
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "connection closed before the answer"
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return "the proxy refused to connect"
    if isinstance(error, aiohttp.ClientPayloadError):
        return "answer cut short"
    if isinstance(error, aiohttp.ClientResponseError):
        return "malformed answer"
    return ""


def _os_reason(error: OSError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return _BY_VERIFY_CODE.get(error.verify_code, "TLS certificate not trusted")
    if isinstance(error, ssl.SSLError):
        return "TLS handshake failed"
    if isinstance(error, socket.gaierror):
        return _lookup_reason(error)
    if isinstance(error, TimeoutError):
        return "timed out"
    # By type, because TLS and aiohttp raise them without a number.
    if isinstance(error, ConnectionResetError | ConnectionAbortedError):
        return "connection reset"
    return _BY_ERRNO.get(error.errno or 0, "")


def _lookup_reason(error: socket.gaierror) -> str:
    if isinstance(error, NameLookupTimeoutError):
        return "name lookup timed out"
    return "name lookup failed" if error.errno == socket.EAI_AGAIN else "name not found"
