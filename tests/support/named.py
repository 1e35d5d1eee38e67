"""A router on a machine whose name servers answer for some names only.

``python -m support.named COMMAND``: as ``python -m router``, but names in ``up.test`` are this machine,
and look-ups of names in ``hang.test`` never return.
"""

import socket
import threading
from typing import Any

from router.cli import main

_getaddrinfo = socket.getaddrinfo


def look_up(host: Any, port: Any, *more: Any, **options: Any) -> Any:
    name = host.decode() if isinstance(host, bytes) else host
    if isinstance(name, str) and name.endswith("hang.test"):
        threading.Event().wait()
    if isinstance(name, str) and name.endswith("up.test"):
        name = "127.0.0.1"
    return _getaddrinfo(name, port, *more, **options)


if __name__ == "__main__":
    socket.getaddrinfo = look_up  # type: ignore[assignment]
    main()
