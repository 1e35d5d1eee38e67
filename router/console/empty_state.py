"""Why a list is empty, and what would fill it."""

import msgspec


class EmptyState(msgspec.Struct, frozen=True, kw_only=True):
    """The content of a list without rows."""

    title: str
    text: str
    href: str = ""
    """A link that would show rows; ``""`` for none."""
    link: str = ""
    command: str = ""
    """A command that would bring some; ``""`` for none."""
