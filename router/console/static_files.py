"""``/console/static``: stylesheet, scripts and icon.

The address of a file has the hash of its content, so that browsers may keep it for ever. All files
are read once, at start.
"""

import gzip
import hashlib
from http import HTTPStatus
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final

import msgspec
from aiohttp import hdrs, web

PREFIX: Final = "/console/static"
_TYPES: Final = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_HASH_LENGTH: Final = 12


class StaticFile(msgspec.Struct, frozen=True):
    """A file as it is served."""

    path: str
    content_type: str
    body: bytes
    compressed: bytes


class StaticFiles:
    """The files of ``static/``."""

    def __init__(self) -> None:
        folder = files("router.console") / "static"
        self._files = {each.name: _read(each) for each in folder.iterdir()}
        self._by_path = {file.path: file for file in self._files.values()}

    def path(self, name: str) -> str:
        """Return the address of a file. Raises KeyError."""
        return self._files[name].path

    @property
    def scripts(self) -> tuple[str, ...]:
        """The names of all scripts, the common one first."""
        names = sorted(name for name in self._files if name.endswith(".js"))
        return tuple(sorted(names, key=lambda name: name != "console.js"))

    def routes(self) -> list[web.RouteDef]:
        """Return the route of all files."""
        return [web.get(f"{PREFIX}/{{name}}", self.get)]

    async def get(self, request: web.Request) -> web.Response:
        """Return a file; 404 for another name or another version of one."""
        file = self._by_path.get(request.path)
        if file is None:
            return web.Response(status=HTTPStatus.NOT_FOUND)
        headers = {
            hdrs.CACHE_CONTROL: "public, max-age=31536000, immutable",
            hdrs.VARY: hdrs.ACCEPT_ENCODING,
            "X-Content-Type-Options": "nosniff",
        }
        body = file.body
        if "gzip" in request.headers.get(hdrs.ACCEPT_ENCODING, ""):
            headers[hdrs.CONTENT_ENCODING] = "gzip"
            body = file.compressed
        return web.Response(
            body=body, headers=headers, content_type=file.content_type, charset="utf-8"
        )


def _read(file: Traversable) -> StaticFile:
    body = file.read_bytes()
    stem, dot, suffix = file.name.rpartition(".")
    digest = hashlib.sha256(body).hexdigest()[:_HASH_LENGTH]
    return StaticFile(
        path=f"{PREFIX}/{stem}.{digest}.{suffix}",
        content_type=_TYPES[dot + suffix],
        body=body,
        compressed=gzip.compress(body, mtime=0),
    )
