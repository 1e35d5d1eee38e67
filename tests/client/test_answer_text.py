"""What came of a request, in one line."""

import socket
import ssl

import aiohttp
import pytest

from router.client.answer_text import describe_answer, describe_failure

PLAIN, TLS = "http://127.0.0.1:1/events", "https://127.0.0.1:1/events"


def verify_error(code: int) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code = code
    return error


@pytest.mark.parametrize(
    ("url", "error", "said"),
    [
        (PLAIN, TimeoutError(), "no answer within 10 s"),
        (
            PLAIN,
            ConnectionRefusedError(111, "Connect call failed"),
            "connection refused: nothing listens there; router dev or router run starts a router",
        ),
        (PLAIN, socket.gaierror(socket.EAI_NONAME, "x"), "name not found: correct the host"),
        (PLAIN, socket.gaierror(socket.EAI_AGAIN, "x"), "name lookup failed"),
        (PLAIN, OSError(113, "x"), "no route to host: correct the host, or look for a firewall"),
        (
            PLAIN,
            aiohttp.ServerDisconnectedError(),
            "connection closed before the answer: the port may speak TLS; write https://",
        ),
        (PLAIN, ConnectionResetError(), "connection reset: the port may speak TLS; write https://"),
        (TLS, ConnectionResetError(), "connection reset"),
        (
            TLS,
            ssl.SSLError(1, "WRONG_VERSION_NUMBER"),
            "TLS handshake failed: the port may speak no TLS",
        ),
        ("HTTPS://h", ssl.SSLError(1, "x"), "TLS handshake failed: the port may speak no TLS"),
        (
            TLS,
            verify_error(18),
            "TLS certificate self-signed: name the certificate in SSL_CERT_FILE",
        ),
        (TLS, verify_error(20), "TLS certificate from an unknown authority: name that authority's"),
        (TLS, verify_error(62), "TLS certificate for another host name: write the host"),
        (TLS, verify_error(10), "TLS certificate expired"),
        (PLAIN, ValueError("Host could not be detected"), "Host could not be detected"),
        (PLAIN, aiohttp.ClientError(), "no answer"),
    ],
)
def test_a_failure_is_a_reason_and_what_to_do(url: str, error: Exception, said: str) -> None:
    assert describe_failure(url, error, 10).startswith(said)


@pytest.mark.parametrize(
    ("status", "body", "location", "said"),
    [
        (202, '{"accepted": 1}', "", '202 {"accepted": 1}'),
        (403, '{"error": {"message": "x"}}', "", '403 {"error": {"message": "x"}}'),
        (
            302,
            "",
            "https://login.example.com/x?secret=1",
            (
                "302: redirects to https://login.example.com/x are not followed; write the URL of the"
                " router itself"
            ),
        ),
        (301, "<html>", "", "301: redirects are not followed; write the URL of the router itself"),
        (502, "\n<html>" + "x" * 9999, "", "502: a page in HTML or XML, which is not the router's"),
        (404, "Not\nfound\n", "", "404 Not found"),
        (500, "", "", "500"),
        (503, "x" * 9999, "", "503 " + "x" * 200),
    ],
)
def test_an_answer_is_one_line(status: int, body: str, location: str, said: str) -> None:
    text = describe_answer(status, body, location)
    assert text.startswith(said)
    assert (len(text) < 300, "\n" in text, "secret" in text) == (True, False, False)
