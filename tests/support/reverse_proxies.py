"""nginx and Caddy with the files of deploy/proxies: addresses and the certificate replaced, nothing else."""

import asyncio
import contextlib
import os
import ssl
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Final

import aiohttp
import msgspec
import trustme
from aiohttp.abc import AbstractResolver, ResolveResult

from support.proxy_path import caddy_path, nginx_path
from support.redis_servers import free_port

FOLDER: Final = Path(__file__).parents[2] / "deploy" / "proxies"
HOST: Final = "router.example.com"
_UPSTREAM: Final = "127.0.0.1:8080"


class ReverseProxy(msgspec.Struct, frozen=True):
    """A proxy that listens on loopback with TLS, as ``HOST``."""

    port: int
    plain_port: int
    """The port of HTTP without TLS."""
    authority: trustme.CA

    @property
    def url(self) -> str:
        return f"https://{HOST}:{self.port}"

    def client(self, *, address: str = "127.0.0.3") -> aiohttp.ClientSession:
        """Return a client that connects from an address of loopback and trusts the certificate."""
        context = ssl.create_default_context()
        self.authority.configure_trust(context)
        connector = aiohttp.TCPConnector(
            ssl=context, local_addr=(address, 0), resolver=_Loopback(), use_dns_cache=False
        )
        timeout = aiohttp.ClientTimeout(total=60)
        return aiohttp.ClientSession(connector=connector, timeout=timeout)

    async def raw(self, request: bytes) -> bytes:
        """Send bytes and return all of the answer; for paths that a client would normalize."""
        context = ssl.create_default_context()
        self.authority.configure_trust(context)
        async with asyncio.timeout(60):
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", self.port, ssl=context, server_hostname=HOST
            )
            writer.write(request)
            answer = await reader.read()
            writer.close()
            return answer


class _Loopback(AbstractResolver):
    """Every name is this machine."""

    async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[ResolveResult]:
        return [
            ResolveResult(
                hostname=host, host="127.0.0.1", port=port, family=family, proto=0, flags=0
            )
        ]

    async def close(self) -> None:
        pass


def _certificate(folder: Path, authority: trustme.CA) -> tuple[Path, Path]:
    made = authority.issue_cert(HOST)
    chain, key = folder / "fullchain.pem", folder / "privkey.pem"
    for blob in made.cert_chain_pems:
        blob.write_to_path(str(chain), append=True)
    made.private_key_pem.write_to_path(str(key))
    return chain, key


def _replaced(text: str, changes: Mapping[str, str]) -> str:
    for before, after in changes.items():
        assert before in text, before
        text = text.replace(before, after)
    return text


@contextlib.asynccontextmanager
async def nginx(
    folder: Path, upstream: str, authority: trustme.CA, *, own: Mapping[str, str] = {}
) -> AsyncIterator[ReverseProxy]:
    """Run nginx with deploy/proxies/nginx.conf in front of ``upstream``.

    ``own`` has pieces of the file and what an operator wrote instead.
    """
    proxy = ReverseProxy(free_port(), free_port(), authority)
    chain, key = _certificate(folder, authority)
    changes = {
        "listen 80;": f"listen 127.0.0.1:{proxy.plain_port};",
        "listen 443 ": f"listen 127.0.0.1:{proxy.port} ",
        "/etc/ssl/router/fullchain.pem": str(chain),
        "/etc/ssl/router/privkey.pem": str(key),
        _UPSTREAM: upstream,
    }
    site = folder / "router.conf"
    text = _replaced((FOLDER / "nginx.conf").read_text("utf-8"), {**own, **changes})
    site.write_text(text, "utf-8")
    folders = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = "\n".join(f"{name}_temp_path {folder}/{name};" for name in folders)
    # The master process of root would start its workers as a user who cannot read the folder.
    user = "user root;" if os.geteuid() == 0 else ""
    main = folder / "nginx.conf"
    main.write_text(
        f"{user} daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log stderr warn;"
        f"events {{}} http {{ access_log off; {temporary} include {site}; }}",
        "utf-8",
    )
    program = nginx_path()
    assert program is not None
    async with _running(proxy, program, "-e", "stderr", "-c", str(main), "-p", str(folder)):
        yield proxy


@contextlib.asynccontextmanager
async def caddy(
    folder: Path, upstream: str, authority: trustme.CA, *, own: Mapping[str, str] = {}
) -> AsyncIterator[ReverseProxy]:
    """Run Caddy with deploy/proxies/Caddyfile in front of ``upstream``; ``own`` as for nginx."""
    proxy = ReverseProxy(free_port(), free_port(), authority)
    chain, key = _certificate(folder, authority)
    changes = {
        f"\n{HOST} {{": f"\n{proxy.url} {{\n\tbind 127.0.0.1\n\ttls {chain} {key}\n",
        _UPSTREAM: upstream,
    }
    text = _replaced((FOLDER / "Caddyfile").read_text("utf-8"), {**own, **changes})
    options = (
        f"{{\n\tadmin off\n\thttp_port {proxy.plain_port}\n\thttps_port {proxy.port}\n"
        f"\tstorage file_system {folder}\n}}\n"
    )
    file = folder / "Caddyfile"
    file.write_text(options + text, "utf-8")
    program = caddy_path()
    assert program is not None
    command = (program, "run", "--adapter", "caddyfile", "--config", str(file))
    async with _running(proxy, *command, home=folder):
        yield proxy


@contextlib.asynccontextmanager
async def _running(
    proxy: ReverseProxy, *command: str, home: Path | None = None
) -> AsyncIterator[None]:
    """Run a program until the block ends; the block begins when it listens."""
    environ = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
    if home is not None:
        environ |= {"HOME": str(home), "XDG_CONFIG_HOME": str(home), "XDG_DATA_HOME": str(home)}
    process = await asyncio.create_subprocess_exec(
        *command,
        env=environ,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(60):
            while not await _listens(proxy.port):
                assert process.returncode is None, f"{command[0]} has ended"
                await asyncio.sleep(0.02)
        yield
    finally:
        if process.returncode is None:
            process.terminate()
        async with asyncio.timeout(60):
            await process.wait()


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True
