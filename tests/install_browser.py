"""Install Chromium for the tests of the console, where Debian has it: ``make browser``.

Does nothing if there is a browser. Elsewhere it says what to do and succeeds, because the tests that
need a browser are skipped without one.
"""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

from support.browser_path import VARIABLE, browser_path

BY_HAND: Final = f"install Chromium, or name a browser in {VARIABLE}; its tests are skipped without"
PACKAGE: Final = "chromium"
OS_RELEASE: Final = Path("/etc/os-release")


def is_debian() -> bool:
    """Whether the package is a browser: Ubuntu's installs a snap, which most containers cannot run."""
    return (
        OS_RELEASE.is_file()
        and "ID=debian" in OS_RELEASE.read_text().splitlines()
        and shutil.which("apt-get") is not None
    )


def rights() -> list[str] | None:
    """The words before a command of root; None if this user may run none."""
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo") is None:
        return None
    asked = subprocess.run(["sudo", "-n", "true"], capture_output=True, check=False)
    return ["sudo", "-n"] if asked.returncode == 0 else None


def install(before: list[str]) -> bool:
    """Install the package; return whether there is a browser now."""
    apt = [*before, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq"]
    for command in (
        [*apt, "update"],
        [*apt, "install", "--yes", "--no-install-recommends", PACKAGE],
    ):
        # An update that fails may leave lists that are good enough.
        subprocess.run(command, stdout=subprocess.DEVNULL, check=False)
    return bool(browser_path())


def main() -> None:
    if found := browser_path():
        print(f"browser: {found}")
        return
    if os.environ.get(VARIABLE):
        print(f"browser: {VARIABLE} names none; {BY_HAND}")
        return
    before = rights() if is_debian() else None
    if before is None:
        why = "this user may install no packages" if is_debian() else "this system is not Debian"
        print(f"browser: none was found, and {why}: {BY_HAND}")
        return
    print(f"browser: {browser_path()}" if install(before) else f"browser: not installed; {BY_HAND}")


if __name__ == "__main__":
    main()
