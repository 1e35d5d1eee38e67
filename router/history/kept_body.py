"""The part of an event's body that history keeps. Pure."""

from collections.abc import Callable

import msgspec

from router.events.json_text import decode_json
from router.settings.model import KeptBody

_UNREADABLE = (msgspec.MsgspecError, ValueError, RecursionError)
_DATA = ("data", "data_base64")


class BodyKeeper:
    """Cuts and masks bodies.

    Args:
        kept: How much of a body is kept.
        mask: Returns a body with its masked fields, and whether there were some; None to mask nothing.
        project: Returns a document with the fields only that rules read.
    """

    def __init__(
        self,
        kept: KeptBody,
        mask: Callable[[bytes], tuple[bytes, bool]] | None = None,
        project: Callable[[dict[str, object]], dict[str, object]] | None = None,
    ) -> None:
        self.kept = kept
        self._mask = mask
        self._project = project
        self._is_plain = kept is KeptBody.FULL and mask is None

    def keep(self, body: bytes) -> tuple[bytes, bool]:
        """Return what is stored of a body, and whether some of it is masked."""
        if self._is_plain:
            return body, False
        cut = body if self.kept is KeptBody.FULL else self._cut(body)
        return self._mask(cut) if self._mask else (cut, False)

    def _cut(self, body: bytes) -> bytes:
        try:
            document = decode_json(body)
            if self.kept is KeptBody.FIELDS and self._project is not None:
                return msgspec.json.encode(self._project(document))
            attributes = {name: value for name, value in document.items() if name not in _DATA}
            return msgspec.json.encode(attributes)
        except _UNREADABLE:
            return b"{}"
