"""The names of headers that options and templates may have. Pure.

Source: RFC 9110, section 5.6.2 (token).
"""

import re
from typing import Final

_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")


def is_header_name(text: str) -> bool:
    """Return whether a header may have that name."""
    return _NAME.fullmatch(text) is not None


def check_header_name(option: str, name: str | None) -> None:
    """Raise ValueError for an option with a name that no header has; None is an absent option."""
    if name is not None and not is_header_name(name):
        raise ValueError(f"{option} must be the name of a header, such as X-Signature")
