"""Errors of the Kinesis API: rejected, or only unavailable."""

import pytest
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    EndpointConnectionError,
    NoCredentialsError,
    NoRegionError,
    ReadTimeoutError,
)

from router.errors import StreamRejectedError
from router.ingress.kinesis.api_errors import ACCESS_CODES, CREDENTIAL_CODES, label_of, to_error


def answered(code: str, status: int = 400) -> ClientError:
    return ClientError(
        {
            "Error": {"Code": code, "Message": "as it is"},
            "ResponseMetadata": {"HTTPStatusCode": status},
        },
        "GetRecords",
    )


@pytest.mark.parametrize(
    "code",
    [
        "ExpiredIteratorException",
        "ExpiredNextTokenException",
        "InternalFailure",
        "KMSThrottlingException",
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "ResourceInUseException",
        "ServiceUnavailable",
        "ThrottlingException",
    ],
)
@pytest.mark.parametrize("status", [400, 500])
def test_an_error_that_passes_by_itself_is_no_rejection(code: str, status: int) -> None:
    """Case I6."""
    error = to_error(answered(code, status))

    assert not isinstance(error, StreamRejectedError)
    assert (error.code, label_of(error)) == (code, code)


@pytest.mark.parametrize(
    "code",
    [
        "AccessDeniedException",
        "ExpiredTokenException",
        "IncompleteSignature",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "KMSAccessDeniedException",
        "KMSDisabledException",
        "KMSInvalidStateException",
        "KMSNotFoundException",
        "KMSOptInRequired",
        "MissingAuthenticationToken",
        "NotAuthorized",
        "OptInRequired",
        "RequestExpired",
        "UnrecognizedClientException",
    ],
)
@pytest.mark.parametrize("status", [400, 403])
def test_credentials_keys_and_permissions_are_rejections_of_access(code: str, status: int) -> None:
    """Case I6."""
    error = to_error(answered(code, status))

    assert isinstance(error, StreamRejectedError)
    assert error.code in ACCESS_CODES
    assert label_of(error) == code


@pytest.mark.parametrize("code", ["ResourceNotFoundException", "ValidationException", "Whatever"])
def test_another_error_of_the_request_is_a_rejection(code: str) -> None:
    error = to_error(answered(code))

    assert isinstance(error, StreamRejectedError)
    assert error.code not in ACCESS_CODES


@pytest.mark.parametrize(
    ("error", "label", "is_rejected"),
    [
        (NoCredentialsError(), "NoCredentialsError", True),
        (NoRegionError(), "NoRegionError", True),
        (EndpointConnectionError(endpoint_url="http://x"), "connection", False),
        (BotoCoreError(), "other", False),
        (CredentialRetrievalError(provider="x", error_msg="y"), "CredentialRetrievalError", False),
        (ReadTimeoutError(endpoint_url="http://x"), "connection", False),
        (ConnectionResetError("reset"), "connection", False),
        (answered("x" * 500), "other", True),
        (answered("", 502), "other", False),
        (answered("429", 429), "other", False),
        (answered("408", 408), "other", False),
        (answered("403", 403), "other", True),
    ],
)
def test_each_error_has_a_label_of_a_closed_set(
    error: Exception,
    label: str,
    is_rejected: bool,  # noqa: FBT001 - a case's own
) -> None:
    found = to_error(error)

    assert (label_of(found), isinstance(found, StreamRejectedError)) == (label, is_rejected)


def test_credentials_that_are_missing_may_appear() -> None:
    """Case I6: an instance's role is away for a moment."""
    assert to_error(NoCredentialsError()).code in CREDENTIAL_CODES
