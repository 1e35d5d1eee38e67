"""Removal of secrets from replies, because some receivers send back what they were sent.

A receiver may show a secret in another encoding: in a form or a URL, in JSON, in HTML, in base64 or
hexadecimal, in upper or lower case, one in the other. The text is therefore compared in several
views: as it is, and with one more layer of encodings removed in each further view, until nothing is
encoded. The secrets are decoded likewise. Each view remembers where its bytes stand in the text.

The rest of a reply may be missing, because it was cut off while it was read or by the receiver. The
beginning of a secret is therefore removed at the end of such a text, and the beginning of a token,
half of it or more, everywhere.
"""

import base64
import binascii
import html
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Final
from urllib.parse import unquote, urlsplit

from router.datatypes import Secret

# Shorter texts are not secret, and occur in ordinary words.
_MIN_LENGTH: Final = 4
_MIN_TOKEN_LENGTH: Final = 16
_MIN_ENCODED: Final = 5
"""Shorter pieces of base64 occur in ordinary text."""
_MAX_LAYERS: Final = 4
_REPLACEMENT: Final = b"***"

_ENCODED: Final = re.compile(
    rb"%(?P<percent>[0-9A-Fa-f]{2})"
    rb"|\\{1,8}u(?P<high>[Dd][89ABab][0-9A-Fa-f]{2})\\{1,8}u(?P<low>[Dd][C-Fc-f][0-9A-Fa-f]{2})"
    rb"|\\{1,8}u(?P<unicode>[0-9A-Fa-f]{4})"
    rb"|\\{1,8}x(?P<hex>[0-9A-Fa-f]{2})"
    rb"|&(?P<entity>#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z]{2,8});?"
    rb"|=(?P<quoted>[0-9A-F]{2})|(?P<soft>=\r?\n)"
    rb"|\\(?P<escaped>.)"
    rb"|(?P<plus>\+)",
    re.DOTALL,
)
_INCOMPLETE: Final = re.compile(
    rb"(?:%[0-9A-Fa-f]?|\\{1,8}(?:u[0-9A-Fa-f]{0,3}|x[0-9A-Fa-f]?)?|&[#0-9A-Za-z]{0,9}|=[0-9A-F]?)\Z"
)
"""The rest of an encoded character after a cut."""
_CONTROLS: Final = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}
_URL_SAFE: Final = bytes.maketrans(b"+/", b"-_")
_SPACE: Final = re.compile(rb"\s+")
_BASIC: Final = "basic "


class Redactor:
    """Replaces secrets, and the parts of them that are as secret, by ``***``.

    The parts are what follows the scheme in ``Bearer …``, the credentials in ``Basic …``, the path
    and query of a URL, and a last path segment that is long enough to be a token.
    """

    def __init__(self, secrets: Iterable[Secret]) -> None:
        texts: set[str] = set()
        for secret in secrets:
            texts |= _parts(secret.reveal())
        whole: set[bytes] = set()
        tokens: set[bytes] = set()
        for text in texts:
            if len(text) < _MIN_LENGTH:
                continue
            plain = text.encode("utf-8", "surrogatepass")
            whole |= {plain, *_in_other_alphabets(plain)}
            if len(text) >= _MIN_TOKEN_LENGTH and not re.search(r"[/?&=\s:]", text):
                tokens.add(plain)
        self._whole = {decoded for text in whole for decoded in (text, _decoded(text)) if decoded}
        self._tokens = {decoded for text in tokens for decoded in (text, _decoded(text))}

    def __call__(self, text: str, *, is_cut: bool = False) -> str:
        """Return ``text`` with each secret replaced.

        Args:
            text: A reply.
            is_cut: Whether the rest of the reply is missing.
        """
        if not self._whole:
            return text
        content = text.encode("utf-8", "surrogatepass")
        spans = sorted(
            span
            for view in (*_views(content), *(_views(content, is_cut=True) if is_cut else ()))
            for span in self._spans(view, len(content), is_cut=is_cut)
        )
        return _without(content, spans).decode("utf-8", "surrogatepass") if spans else text

    def _spans(self, view: "_View", size: int, *, is_cut: bool) -> Iterator[tuple[int, int]]:
        for needle in self._whole:
            for start in _occurrences(view.content, needle):
                yield view.span(start, start + len(needle))
        for token in self._tokens:
            beginning = token[: max(len(token) // 2, _MIN_TOKEN_LENGTH // 2)]
            for start in _occurrences(view.content, beginning):
                yield view.span(start, start + _common(view.content, start, token))
        if is_cut:
            length = max(_beginning_at_the_end(view.content, needle) for needle in self._whole)
            if length:
                yield view.span(len(view.content) - length, len(view.content))[0], size


class _View:
    """Some form of a text; ``starts`` and ``ends`` say where each of its bytes stands in that text."""

    def __init__(self, content: bytes, starts: list[int], ends: list[int]) -> None:
        self.content = content
        self._starts = starts
        self._ends = ends

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Return where the bytes from ``start`` to ``end``, one at least, stand in the text."""
        return self._starts[start], self._ends[end - 1]

    def decoded(self) -> "_View":
        """Return the view without one layer of encodings."""
        return self._replaced(_ENCODED, _decode)

    def without(self, pattern: "re.Pattern[bytes]") -> "_View":
        """Return the view without what ``pattern`` finds."""
        return self._replaced(pattern, lambda _: b"")

    def _replaced(self, pattern: "re.Pattern[bytes]", decode: "_Decode") -> "_View":
        pieces: list[bytes] = []
        starts: list[int] = []
        ends: list[int] = []
        at = 0
        for found in pattern.finditer(self.content):
            start, end = found.span()
            piece = decode(found)
            pieces += [self.content[at:start], piece]
            starts += self._starts[at:start] + [self._starts[start]] * len(piece)
            ends += self._ends[at:start] + [self._ends[end - 1]] * len(piece)
            at = end
        if not pieces:
            return self
        pieces.append(self.content[at:])
        return _View(b"".join(pieces), starts + self._starts[at:], ends + self._ends[at:])


_Decode = Callable[["re.Match[bytes]"], bytes]


def _views(content: bytes, *, is_cut: bool = False) -> Iterator[_View]:
    """Yield the views of ``content``, each without a further layer of encodings.

    Args:
        content: The text.
        is_cut: Whether to leave out what a cut leaves of an encoded character, in each layer.
    """
    view = _View(content, list(range(len(content))), list(range(1, len(content) + 1)))
    for _ in range(_MAX_LAYERS):
        if is_cut:
            view = view.without(_INCOMPLETE)
        yield view
        squeezed = view.without(_SPACE)  # base64 is wrapped at line ends
        if squeezed is not view:
            yield squeezed
        further = view.decoded()
        if further is view:
            return
        view = further
    yield view


def _decode(found: "re.Match[bytes]") -> bytes:
    kind = found.lastgroup
    piece = found[kind] if kind else b""
    match kind:
        case "percent" | "hex" | "quoted":
            return binascii.unhexlify(piece)
        case "low" | "unicode":
            high = int(found["high"] or b"d800", 16) - 0xD800 << 10
            code = int(piece, 16)
            return chr(code + (0x10000 - 0xDC00 + high if kind == "low" else 0)).encode(
                "utf-8", "surrogatepass"
            )
        case "entity":
            return html.unescape(f"&{piece.decode()};").encode("utf-8", "surrogatepass")
        case "escaped":
            return _CONTROLS.get(piece, piece)
        case "plus":
            return b" "
        case _:
            return b""


def _decoded(text: bytes) -> bytes:
    """Return ``text`` without any encodings, as the last view of it is."""
    *_, view = _views(text)
    return view.content


def _parts(text: str) -> set[str]:
    """Return a secret and the parts of it that are as secret."""
    scheme, *rest = text.split(" ")
    parts = {text, *rest}
    if rest and f"{scheme} ".lower() == _BASIC:
        credentials = _from_base64(rest[0])
        parts |= {credentials, credentials.partition(":")[2]}
    if "://" in text:
        url = urlsplit(text)
        long = {url.path, url.path.rsplit("/", 1)[-1]}
        parts |= {url.query, url.password or "", *(x for x in long if len(x) >= _MIN_TOKEN_LENGTH)}
    return parts | {unquote(part) for part in parts}


def _from_base64(text: str) -> str:
    try:
        return base64.b64decode(text).decode("utf-8", "replace")
    except binascii.Error:
        return ""


def _in_other_alphabets(text: bytes) -> Iterator[bytes]:
    """Yield ``text`` as it stands within base64 and hexadecimal."""
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + text)
        # Six bits a character; those that a neighbour of the secret contributes to are left out.
        core = encoded[(before * 8 + 5) // 6 : (before + len(text)) * 8 // 6]
        if len(core) >= _MIN_ENCODED:
            yield core
            yield core.translate(_URL_SAFE)
    yield text.hex().encode()
    yield text.hex().upper().encode()


def _occurrences(content: bytes, needle: bytes) -> Iterator[int]:
    at = content.find(needle)
    while at >= 0:
        yield at
        at = content.find(needle, at + len(needle))


def _beginning_at_the_end(content: bytes, needle: bytes) -> int:
    """Return how many bytes at the end of ``content`` are the beginning of ``needle``."""
    for length in range(min(len(needle), len(content)), _MIN_LENGTH - 1, -1):
        if content.endswith(needle[:length]):
            return length
    return 0


def _common(content: bytes, start: int, token: bytes) -> int:
    """Return how many bytes of ``content`` from ``start`` are the beginning of ``token``."""
    length = 0
    while (
        length < len(token)
        and content[start + length : start + length + 1] == token[length : length + 1]
    ):
        length += 1
    return length


def _without(content: bytes, spans: Iterable[tuple[int, int]]) -> bytes:
    """Return ``content`` with each span, in order, replaced; spans that overlap count as one."""
    pieces: list[bytes] = []
    kept_to = 0
    last_end = 0
    for start, end in spans:
        if start >= last_end or not pieces:
            pieces += [content[kept_to:start], _REPLACEMENT]
        last_end = max(last_end, end)
        kept_to = last_end
    return b"".join([*pieces, content[kept_to:]])
