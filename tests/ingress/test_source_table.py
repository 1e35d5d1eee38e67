"""The table of active sources: found by path, and replaced as a whole by a reload."""

from collections.abc import Sequence

import pytest

from router.datatypes import Rate, Secret
from router.errors import RouterError
from router.ingress.responses import RequestRejectedError
from router.ingress.source_table import SourceTable
from router.sources.contract import VerifierEnvironment
from router.sources.mapping import MappingLimits
from router.sources.spec import SourceSpec
from router.sources.verifiers.bearer import BearerConfig
from router.sources.verifiers.github import GithubConfig

LIMITS = MappingLimits(max_events=1000, max_depth=64, max_values=10_000)
SECRET = Secret("a-secret-that-is-long-enough")


async def no_fetch(url: str) -> bytes:
    raise RouterError(url)


class Folder:
    """The sources of a rules folder that is reloaded."""

    def __init__(self, *specs: SourceSpec) -> None:
        self.specs: Sequence[SourceSpec] = specs
        self.table = SourceTable(
            lambda: self.specs,
            VerifierEnvironment(fetch=no_fetch),
            LIMITS,
            lambda: "new-id",
            lambda: 0.0,
        )


def source(name: str, path: str = "", **keys: object) -> SourceSpec:
    return SourceSpec(name=name, path=path or f"/in/{name}", **keys)


def test_a_source_is_found_by_its_path_only() -> None:
    table = Folder(source("crm"), source("shop", "/in/hooks/shop")).table

    assert table.find("/in/hooks/shop").spec.name == "shop"
    assert [table.find(path) for path in ("/in/shop", "/in/crm/", "/in/CRM", "/in/")] == [None] * 4


def test_only_signatures_need_the_exact_body() -> None:
    signed = source("a", verify={"github": GithubConfig(secret=SECRET)})
    table = Folder(signed, source("b", verify={"bearer": BearerConfig(token=SECRET)})).table

    assert table.find("/in/a").needs_exact_body
    assert not table.find("/in/b").needs_exact_body
    assert table.find("/in/b").is_verified
    assert not Folder(source("open")).table.find("/in/open").is_verified


def test_the_parts_of_a_source_are_the_same_until_a_reload() -> None:
    folder = Folder(source("crm"))
    first = folder.table.find("/in/crm")

    assert folder.table.find("/in/crm") is first
    folder.specs = (source("crm"), source("new"))
    assert folder.table.find("/in/crm") is not first
    assert folder.table.find("/in/new") is not None
    folder.specs = (source("new"),)
    assert folder.table.find("/in/crm") is None


def test_a_reload_does_not_refill_the_rate_of_a_source() -> None:
    rate = Rate(limit=1, per=60.0)
    folder = Folder(source("crm", rate=rate))
    spend(folder)

    folder.specs = (source("crm", "/in/moved", rate=rate),)
    with pytest.raises(RequestRejectedError, match="this source exceeds 1 events a minute"):
        folder.table.find("/in/moved").buckets.admit("crm")
    folder.specs = (source("crm", rate=Rate(limit=2, per=60.0)),)
    spend(folder)


def spend(folder: Folder) -> None:
    buckets = folder.table.find("/in/crm").buckets
    buckets.admit("crm")
    buckets.charge("crm", 1)
