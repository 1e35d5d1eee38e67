"""Errors of the Kinesis API, sorted by what may end them. Pure.

Source: Amazon Kinesis Data Streams API reference, "Common Errors" and the errors of each operation;
the exceptions of botocore.
"""

from typing import Any, Final

from router.errors import StreamRejectedError, StreamUnavailableError

_TRANSIENT: Final = frozenset(
    {
        "ExpiredIteratorException",
        "ExpiredNextTokenException",
        "InternalFailure",
        "InternalFailureException",
        "InternalServerError",
        "KMSThrottlingException",
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "ResourceInUseException",
        "ServiceUnavailable",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "TooManyRequestsException",
    }
)
CREDENTIAL_CODES: Final = frozenset(
    {
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "IncompleteSignatureException",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        "NoCredentialsError",
        "PartialCredentialsError",
        "RequestExpired",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
"""Kinesis does not accept the credentials, or there are none. New ones may have been written since."""
_PERMISSION_CODES: Final = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "KMSAccessDeniedException",
        "KMSDisabledException",
        "KMSInvalidStateException",
        "KMSNotFoundException",
        "KMSOptInRequired",
        "NotAuthorized",
        "OptInRequired",
    }
)
RETRIEVAL_CODES: Final = frozenset(
    {
        "CredentialRetrievalError",
        "MetadataRetrievalError",
        "SSOTokenLoadError",
        "TokenRetrievalError",
        "UnauthorizedSSOTokenError",
    }
)
"""The place of the credentials does not answer, or has expired ones; that may pass at any time."""
ACCESS_CODES: Final = CREDENTIAL_CODES | _PERMISSION_CODES
"""Errors that concern every shard, unless a key or a policy is of one stream alone."""
_SETTINGS: Final = frozenset(
    {"InvalidRegionError", "NoCredentialsError", "NoRegionError", "PartialCredentialsError",
     "ProfileNotFound"}
)  # fmt: skip
"""Errors of botocore that an operator corrects."""
_PASSING_STATUSES: Final = frozenset({408, 429})
"""A proxy may answer so, without a code of Kinesis."""
_KNOWN: Final = _TRANSIENT | ACCESS_CODES | RETRIEVAL_CODES | _SETTINGS | {
    "InvalidArgumentException",
    "ResourceNotFoundException",
    "ValidationException",
    "timeout",
    "connection",
    "response",
}  # fmt: skip
TIMEOUT: Final = "timeout"
RESPONSE: Final = "response"
"""The response is none of Kinesis."""
_CONNECTION: Final = "connection"


def to_error(error: Exception) -> StreamUnavailableError:
    """Return the error for a failed call: rejected, or only unavailable."""
    # Errors of the network may have the attribute, and None in it.
    response: dict[str, Any] = getattr(error, "response", None) or {}
    code = str(response.get("Error", {}).get("Code", ""))
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    name = type(error).__name__
    if name in _SETTINGS:
        return StreamRejectedError(f"Kinesis: {error}", name)
    is_passing = code in _TRANSIENT or status in _PASSING_STATUSES
    is_rejected = code in ACCESS_CODES or (400 <= status < 500 and not is_passing)
    kind = StreamRejectedError if is_rejected else StreamUnavailableError
    if not response:
        code = _CONNECTION if _is_of_network(error) else name
    return kind(f"Kinesis: {error}", code)


def _is_of_network(error: Exception) -> bool:
    from botocore.exceptions import ConnectionError as BotoConnectionError
    from botocore.exceptions import HTTPClientError

    return isinstance(error, (OSError, HTTPClientError, BotoConnectionError))


def label_of(error: StreamUnavailableError) -> str:
    """Return a metric's label for an error: its code if that is known, else ``other``."""
    return error.code if error.code in _KNOWN else "other"
