"""Unpack nginx and Caddy for the tests, where Debian has them: ``make proxies``.

The packages are not installed, because that would start both as services. Does nothing if both are
there. Elsewhere it says what to do and succeeds, because the tests that need them are skipped without.
"""

from typing import Final

from install_browser import is_debian
from install_monitoring import unpack
from support.proxy_path import UNPACKED, caddy_path, nginx_path

PACKAGES: Final = ("nginx", "caddy")
BY_HAND: Final = "install nginx and Caddy; their tests are skipped without"


def are_there() -> bool:
    return nginx_path() is not None and caddy_path() is not None


def main() -> None:
    if are_there():
        print(f"proxies: {nginx_path()}, {caddy_path()}")
        return
    if not is_debian():
        print(f"proxies: not found, and this system is not Debian: {BY_HAND}")
        return
    unpack(PACKAGES, UNPACKED)
    print(f"proxies: {UNPACKED}" if are_there() else f"proxies: not unpacked; {BY_HAND}")


if __name__ == "__main__":
    main()
