"""Why a process cannot listen."""

import errno
import os

import pytest

from router.http.listen_errors import listen_error


@pytest.mark.parametrize(
    ("host", "number", "said"),
    [
        (
            "127.0.0.1",
            errno.EADDRINUSE,
            "127.0.0.1:80: another process listens there (set ROUTER_HOST",
        ),
        ("::1", errno.EADDRINUSE, "[::1]:80: another process listens there"),
        ("192.0.2.1", errno.EADDRNOTAVAIL, "192.0.2.1:80: this machine has no such address"),
        ("::", errno.EACCES, "[::]:80: this user may not, a port below 1024 needs a right"),
        ("h", errno.EMFILE, "h:80: Too many open files"),
    ],
)
def test_the_reason_is_in_few_words(host: str, number: int, said: str) -> None:
    """Asyncio writes the address a second time, and the number."""
    error = OSError(number, os.strerror(number))
    assert str(listen_error(host, 80, error)).startswith(f"cannot listen on {said}")
