"""URLs that go out as they were written, byte for byte (pure).

A URL library normalises: it decodes ``%7E``, encodes ``+`` and removes dots. The signature in a URL
(Azure's ``sig=``, a presigned ``X-Amz-Signature``) may cover its exact text, and a receiver may tell
``%2F`` from ``/``. Only what cannot stand in a request is encoded: spaces, controls and characters
outside of ASCII.
"""

import re
from typing import Final
from urllib.parse import quote

from yarl import URL

_PARTS: Final = re.compile(r"(https?)://([^/?#]*)([^#]*)(?:#.*)?", re.IGNORECASE | re.DOTALL)
_UNSENDABLE: Final = re.compile(r"[^\x21-\x7e]+")


def exact_url(text: str) -> URL:
    """Return the URL whose path and query are those of ``text``, without its fragment.

    Raises:
        ValueError: It is not an HTTP URL with a host. The message is without the URL.
    """
    parts = _PARTS.fullmatch(text)
    if parts is None:
        raise ValueError("not an HTTP URL")
    scheme, authority, rest = parts.groups()
    try:
        # Normalised, because a host may be written in capitals or in Unicode.
        origin = URL(f"{scheme}://{authority}").origin()
    except ValueError:
        raise ValueError("not an HTTP URL") from None
    target = _UNSENDABLE.sub(lambda found: quote(found[0], safe=""), rest)
    return URL(f"{origin}{target}", encoded=True)
