"""Run a command with the system calls and the memory that a unit of systemd permits, and no others.

``python confined.py PERMITTED FAMILIES COMMAND…``: names of system calls and numbers of address families,
with commas between them. All others fail with EPERM (system calls) or EAFNOSUPPORT (sockets).
"""

import ctypes
import ctypes.util
import errno
import os
import sys
from typing import Any, Final

_PR_SET_NO_NEW_PRIVS: Final = 38
_PR_SET_MDWE: Final = 65
_PR_MDWE_REFUSE_EXEC_GAIN: Final = 1
_ALLOW: Final = 0x7FFF0000
_ERRNO: Final = 0x00050000
_HIGHEST_FAMILY: Final = 45


class Comparison(ctypes.Structure):
    """``struct scmp_arg_cmp``: an argument of a system call, compared."""

    _fields_ = (
        ("arg", ctypes.c_uint),
        ("op", ctypes.c_int),
        ("datum_a", ctypes.c_uint64),
        ("datum_b", ctypes.c_uint64),
    )


def seccomp() -> Any:
    """Return libseccomp; None if it is not there."""
    name = ctypes.util.find_library("seccomp")
    if name is None:
        return None
    library = ctypes.CDLL(name, use_errno=True)
    library.seccomp_init.restype = ctypes.c_void_p
    library.seccomp_load.argtypes = [ctypes.c_void_p]
    library.seccomp_rule_add_array.argtypes = [
        ctypes.c_void_p,
        ctypes.c_uint32,
        ctypes.c_int,
        ctypes.c_uint,
        ctypes.POINTER(Comparison),
    ]
    library.seccomp_syscall_resolve_name.argtypes = [ctypes.c_char_p]
    return library


def confine(permitted: list[str], families: set[int]) -> None:
    """Permit this process and its descendants nothing else. Raises OSError."""
    library = seccomp()
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    rules = library.seccomp_init(_ERRNO | errno.EPERM)
    for name in permitted:
        number = library.seccomp_syscall_resolve_name(name.encode())
        if name == "socket":
            _permit_families(library, rules, number, families)
        elif number >= 0:  # others are of another architecture
            library.seccomp_rule_add_array(rules, _ALLOW, number, 0, None)
    if library.seccomp_load(rules) != 0:
        raise OSError("seccomp_load has failed")
    # Refused by kernels before 6.3, where systemd filters mprotect instead.
    libc.prctl(_PR_SET_MDWE, _PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0)


def _permit_families(library: Any, rules: int, number: int, families: set[int]) -> None:
    for family in range(_HIGHEST_FAMILY):
        compared = Comparison(0, 4, family, 0)  # SCMP_CMP_EQ
        action = _ALLOW if family in families else _ERRNO | errno.EAFNOSUPPORT
        library.seccomp_rule_add_array(rules, action, number, 1, ctypes.byref(compared))


if __name__ == "__main__":
    confine(sys.argv[1].split(","), {int(each) for each in sys.argv[2].split(",")})
    os.execvp(sys.argv[3], sys.argv[3:])  # noqa: S606 - the caller chose the command
