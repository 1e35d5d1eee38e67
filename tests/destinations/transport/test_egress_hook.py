"""A restricted thread connects to allowed addresses only, and cannot escape the check."""

import socket
import subprocess
import sys
import threading

import pytest

from router.destinations.transport.egress import EgressDeniedError
from router.destinations.transport.egress_hook import install_hook, restricted_to
from router.settings.choices import Egress


@pytest.mark.parametrize(
    ("connect", "error"),
    [
        (lambda: socket.socket().connect(("127.0.0.1", 9)), EgressDeniedError),
        (lambda: socket.socket().connect(("localhost", 9)), EgressDeniedError),
        (lambda: socket.socket().connect_ex(("127.0.0.1", 9)), EgressDeniedError),
        (
            lambda: socket.socket(type=socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", 9)),
            EgressDeniedError,
        ),
        (lambda: socket.socket(socket.AF_UNIX).connect("/nowhere"), EgressDeniedError),
        (lambda: subprocess.run([sys.executable, "-V"], check=False), PermissionError),
        pytest.param(
            lambda: threading.Thread(target=str).start(),
            PermissionError,
            marks=pytest.mark.skipif(sys.version_info < (3, 12), reason="is not audited"),
        ),
    ],
    ids=["connect", "by name", "connect_ex", "datagram", "local socket", "program", "thread"],
)
@pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)
def test_a_restricted_thread_can_neither_connect_nor_escape(connect, error):
    install_hook()
    with restricted_to(Egress.PUBLIC), pytest.raises(error):
        connect()


def test_other_threads_are_not_restricted():
    install_hook()
    with restricted_to(Egress.PUBLIC):
        pass
    with socket.socket() as free, pytest.raises(ConnectionRefusedError):
        free.connect(("127.0.0.1", 1))
