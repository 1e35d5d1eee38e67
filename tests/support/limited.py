"""A router that is killed when it uses too much memory, as the kernel's out-of-memory killer does.

``python -m support.limited COMMAND``: as ``python -m router``, with MEMORY_LIMIT bytes of resident
memory. No handler runs at its end, so it works where a test may not make a cgroup.
"""

import os
import signal
import threading
import time
from pathlib import Path

from router.cli import main

_PAGE = os.sysconf("SC_PAGE_SIZE")
_STATM = Path("/proc/self/statm")


def watch(limit: int) -> None:
    while True:
        if int(_STATM.read_text().split()[1]) * _PAGE > limit:
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(0.002)


if __name__ == "__main__":
    threading.Thread(target=watch, args=(int(os.environ["MEMORY_LIMIT"]),), daemon=True).start()
    main()
