"""The encodings in which a receiver may send a secret back."""

import base64
import html
import json
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import quote, quote_plus


def _each(template: str) -> Callable[[str], str]:
    return lambda text: "".join(template.format(byte) for byte in text.encode())


def _base64(before: str, after: str = "") -> Callable[[str], str]:
    return lambda text: base64.b64encode(f"{before}{text}{after}".encode()).decode()


ENCODINGS: Final[Mapping[str, Callable[[str], str]]] = {
    "plain": str,
    "URL": lambda text: quote(text, safe=""),
    "URL, each byte, small": _each("%{:02x}"),
    "URL, each byte, capital": _each("%{:02X}"),
    "URL, twice": lambda text: quote(quote(text, safe=""), safe=""),
    "URL, each byte, twice": _each("%25{:02x}"),
    "form": quote_plus,
    "JSON": json.dumps,
    "JSON, twice": lambda text: json.dumps(json.dumps(text)),
    "JSON, with slashes": lambda text: json.dumps(text).replace("/", r"\/"),
    "JSON, each character": lambda text: "".join(f"\\u{ord(each):04x}" for each in text),
    "JSON, each character, capital": lambda text: "".join(f"\\u{ord(each):04X}" for each in text),
    "HTML": html.escape,
    "HTML, twice": lambda text: html.escape(html.escape(text)),
    "HTML, decimal": lambda text: "".join(f"&#{ord(each)};" for each in text),
    "HTML, hexadecimal": lambda text: "".join(f"&#x{ord(each):X};" for each in text),
    "JSON in HTML": lambda text: html.escape(json.dumps(text)),
    "URL in JSON": lambda text: json.dumps(quote(text, safe="")),
    "form in HTML": lambda text: html.escape(quote_plus(text)),
    "base64": _base64(""),
    "base64 after one byte": _base64("a", "zz"),
    "base64 after two bytes": _base64("ab", "z"),
    "base64 of credentials": _base64("user:"),
    "base64 for URLs": lambda text: base64.urlsafe_b64encode(text.encode()).decode().rstrip("="),
    "base64 in a URL": lambda text: quote_plus(_base64("")(text)),
    "base64 in lines": lambda text: base64.encodebytes(f"{'user:' * 13}{text}".encode()).decode(),
    "hexadecimal": lambda text: text.encode().hex(),
    "hexadecimal, capital": lambda text: text.encode().hex().upper(),
    "Python": lambda text: repr(text.encode()),
    "quoted-printable": _each("={:02X}"),
}


def shown_pieces(encoding: str, secret: str, shown: str, *, characters: int = 5) -> set[str]:
    """Return the pieces of so many characters of an encoded secret that ``shown`` has."""
    encode = ENCODINGS[encoding]
    encoded = encode(secret)
    size = characters * -(-len(encoded) // len(secret))
    # What the encoding adds to any secret is none.
    others = encode("z" * len(secret))
    pieces = {encoded[at : at + size] for at in range(len(encoded) - size + 1)}
    return {piece for piece in pieces if piece in shown and piece not in others}
