"""A port for a second ``router dev``."""

import socket

from router.dev.free_port import free_port


def test_a_port_that_is_taken_is_passed_over() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        found = free_port("127.0.0.1", port)
        assert port < found <= port + 20
        with socket.create_server(("127.0.0.1", found)):
            assert free_port("127.0.0.1", port) not in {port, found}
    assert free_port("127.0.0.1", port) == port


def test_a_host_that_is_none_leaves_the_error_to_the_server() -> None:
    assert free_port("no-such-host.invalid", 8080) == 8080
