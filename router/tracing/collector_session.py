"""The HTTP session of the exporter: it bounds what a collector answers, and knows why spans were not taken.

The exporter takes a ``requests.Session`` as a documented argument. By itself it reports a failure only in
log lines, which contain the URL. It takes a redirect for a success, reads a response of any length, and
ignores its ``partial_success`` (https://opentelemetry.io/docs/specs/otlp/#partial-success-1).
"""

import time
from typing import Any, Final

import requests
import urllib3
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

_BODY_LIMIT: Final = 64 * 1024
_PIECE: Final = 4096
_LONGEST_WAIT: Final = 300.0
"""Seconds of a ``Retry-After`` that are obeyed."""


class RedirectedExportError(requests.RequestException):
    """Raised when a collector redirects: the endpoint is another one, or a page to log in at."""


class CollectorSession(requests.Session):
    """Sends the requests of one exporter, one at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.reason = ""
        """Why the first attempt of the current export failed: a status, or the type of an error.

        The first one counts, because a retry may fail for having no time left. It contains no URL and no
        header."""
        self.rejected = 0
        """How many spans of the current export a collector rejected in a success."""
        self.retry_after = 0.0
        """The seconds for which a busy collector wants no request."""

    def begin_export(self) -> None:
        """Forget the last export."""
        self.reason = ""
        self.rejected = 0
        self.retry_after = 0.0

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        """Send a request and read its response, of limited length and in limited time.

        Raises:
            requests.RequestException: There is no response, or it is a redirect.
        """
        ends_at = time.monotonic() + options["timeout"]
        options["stream"] = True
        if isinstance(self.verify, str):
            # Otherwise REQUESTS_CA_BUNDLE wins (https://github.com/psf/requests/issues/3829).
            options["verify"] = self.verify
        try:
            response = super().send(request, **options)
        except Exception as error:
            self.reason = self.reason or type(error).__name__
            raise
        body = _read(response, ends_at)
        self.retry_after = _retry_after(response)
        if response.status_code >= 300:
            self.reason = self.reason or f"HTTP {response.status_code}"
        else:
            self.rejected = _rejected(response, body)
        if 300 <= response.status_code < 400:
            raise RedirectedExportError(self.reason)
        return response


def _read(response: requests.Response, ends_at: float) -> bytes:
    """Return the beginning of a body, as sent. A connection with more to come is closed."""
    body = bytearray()
    try:
        while len(body) < _BODY_LIMIT and time.monotonic() < ends_at:
            piece = response.raw.read1(_PIECE, decode_content=False)
            if not piece:
                return bytes(body)
            body += piece
    except (OSError, urllib3.exceptions.HTTPError):
        pass  # the status counts
    response.close()
    return bytes(body)


def _retry_after(response: requests.Response) -> float:
    if response.status_code not in {429, 503}:
        return 0.0
    try:
        seconds = urllib3.Retry().parse_retry_after(response.headers.get("Retry-After", "0"))
    except (urllib3.exceptions.InvalidHeader, ValueError, OverflowError):
        return 0.0
    return min(max(seconds, 0.0), _LONGEST_WAIT)


def _rejected(response: requests.Response, body: bytes) -> int:
    if not body or "Content-Encoding" in response.headers:
        return 0
    try:
        answer = ExportTraceServiceResponse.FromString(body)
    except DecodeError:
        return 0
    return max(0, int(answer.partial_success.rejected_spans))
