"""A program ``router`` that lets the fork server start the router: 20 ms of CPU instead of 500.

It is for tests that run commands as a user does: by a path, with pipes or a terminal. Arguments,
environment, working folder, standard streams, exit code and signals are those of a router that is
executed. It executes one if a variable asks for another interpreter.
"""

import functools
import os
import sys
from typing import Final

from support.fork_server import SCRIPT, address

_STARTS: Final = ("PYTHON", "LD_", "LC_", "LANG", "TZ")
"""How the names of variables begin that an interpreter reads at its start only."""
_PROGRAM: Final = """#!{interpreter} -IS
import _socket, array, json, os, signal, sys

arguments, environ = sys.argv[1:], dict(os.environ)
same = {same!r}
if any(text != same.get(name) for name, text in environ.items() if name.startswith({starts!r})):
    os.execv({script!r}, [{script!r}, *arguments])

def forward(number, _):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass

client = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
client.connect({address!r})
request = dict(arguments=arguments, environ=environ, folder=os.getcwd())
rights = (_socket.SOL_SOCKET, _socket.SCM_RIGHTS, array.array("i", (0, 1, 2)))
client.sendmsg([json.dumps(request).encode()], [rights])
pid = int(client.recv(64))
for each in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGWINCH):
    signal.signal(each, forward)
code = int(client.recv(64) or -signal.SIGKILL)
if code < 0:
    if code != -signal.SIGKILL:
        signal.signal(-code, signal.SIG_DFL)
    os.kill(os.getpid(), -code)
os._exit(code)
"""


@functools.cache
def router_program() -> str:
    """Return the path of the program. It is called ``router``, so that its folder may be on PATH."""
    socket = address()
    path = socket.with_name("router")
    same = {name: text for name, text in os.environ.items() if name.startswith(_STARTS)}
    same["LC_CTYPE"] = (
        "C.UTF-8"  # Python adds it if there is no locale, https://peps.python.org/pep-0538/
    )
    text = _PROGRAM.format(
        interpreter=sys.executable,
        script=str(SCRIPT),
        starts=_STARTS,
        same=same,
        address=str(socket),
    )
    path.write_text(text, "utf-8")
    path.chmod(0o755)
    return str(path)
