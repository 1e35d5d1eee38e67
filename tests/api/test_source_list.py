"""``/api/v1/sources``: each source, what came of its requests, and why the latest were refused."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from support.clock import SetClock

from router.api.access import Access
from router.api.source_list import SourcesApi
from router.api.source_reading import SourceReader
from router.cel import compile_condition, compile_expression
from router.clock import Clock
from router.datatypes import Duration, Rate, Secret
from router.journal.connection import Connection
from router.journal.series import Additions, Series
from router.journal.source_log import RefusedRequest, SourceAddition, SourceLog
from router.settings.choices import EventsOpen
from router.settings.model import Settings
from router.settings.tokens import Tokens
from router.sources.spec import EventMapping, Reply, SourceSpec
from router.sources.verifiers.github import GithubConfig

TOKENS = {"admin_token": Tokens.of(Secret("admin")), "viewer_token": Tokens.of(Secret("viewer"))}
SETTINGS = Settings(
    **TOKENS,  # type: ignore[arg-type]
    public_url="https://router.example.com",
    twilio_auth_tokens=(Secret("twilio-token"),),
    events_open=EventsOpen.YES,
)
SOURCES = (
    SourceSpec(
        name="github",
        path="/in/github",
        preset="github",
        verify={"github": GithubConfig(secret=Secret("github-secret"))},
        rate=Rate(limit=100, per=Duration(1)),
        event=EventMapping(type=compile_expression('"com.github." + data.x'), extensions={}),
        split=compile_expression("data.items"),
        replies=(Reply(when=compile_condition("data.ping == true"), text=None),),
    ),
    SourceSpec(
        name="crm",
        path="/in/crm",
        verify={"github": GithubConfig(secret=Secret("crm-secret"))},
        missing_variables=("CRM_SECRET",),
    ),
    SourceSpec(name="open", path="/in/open", preset="generic"),
)


def reader(
    connection: Connection, clock: Clock, settings: Settings = SETTINGS, *, receives: bool = True
) -> SourceReader:
    return SourceReader(connection, clock, settings, lambda: SOURCES, receives=receives)


@pytest.fixture
async def client(
    connection: Connection, clock: Clock
) -> AsyncIterator[TestClient[web.Request, web.Application]]:
    application = web.Application()
    application.add_routes(SourcesApi(reader(connection, clock), Access(SETTINGS)).routes())
    async with TestClient(TestServer(application)) as client:
        yield client


async def answer(client: Any, path: str = "", caller: str = "viewer") -> tuple[int, Any]:
    headers = {"Authorization": f"Bearer {caller}"} if caller else {}
    async with client.get(f"/api/v1/sources{path}", headers=headers) as response:
        return response.status, await response.json()


def refusal(at: float) -> RefusedRequest:
    return RefusedRequest(
        at=at,
        status=403,
        code="wrong_signature",
        reason="the signature is wrong",
        hint="compare the secret",
        client="192.0.2.7",
        path="/in/github",
        method="POST",
    )


@pytest.fixture
async def counted(connection: Connection, clock: Clock, time: SetClock) -> None:
    """Counts of GitHub that are two hours old, and refusals of the last minute."""
    log, series = SourceLog(connection, clock), Series(connection, clock)
    await log.add(
        "one", [SourceAddition(source="github", number=1, accepted=5, accepted_at=time.now)]
    )
    time.now += 7200
    refusals = tuple(refusal(time.now - second) for second in (2, 1))
    addition = SourceAddition(
        source="github", number=1, refused=2, refused_at=time.now - 1, refusals=refusals
    )
    await log.add("two", [addition])
    await series.add("two", [Additions(1, {"requests_refused/github/*": 2})])


@pytest.mark.usefixtures("counted")
async def test_sources_are_listed_with_what_came_of_their_requests(client: Any) -> None:
    """Mutants: a state by all counts rather than by those of the last hour; a source for each path."""
    status, body = await answer(client)

    assert status == 200
    shown = {each["name"]: each for each in body["sources"]}
    assert list(shown) == ["crm", "github", "open", "twilio", "events"]
    github = shown["github"]
    assert (github["accepted"], github["refused"]) == (5, 2)
    assert (github["accepted_last_hour"], github["refused_last_hour"]) == (0, 2)
    assert (github["state"], github["rate"], github["preset"]) == ("refusing", "100/s", "github")
    assert github["url"] == "https://router.example.com/in/github"
    assert github["verified_by"] == ["github"]
    assert github["last_refusal"]["hint"] == "compare the secret"
    assert github["last_accepted_at"] == "2023-11-14T22:13:20.000Z"
    crm = shown["crm"]
    assert (crm["state"], crm["missing_variables"]) == ("closed", ["CRM_SECRET"])
    assert (shown["open"]["state"], shown["open"]["verified_by"]) == ("never received", [])
    assert "anyone" in shown["open"]["warnings"][0]
    assert github["docs"].startswith("https://docs.github.com/")
    # This preset is of no particular sender, and has a page of our own.
    assert shown["open"]["docs"] is None
    assert shown["twilio"]["verified_by"] == ["signature"]
    assert "ROUTER_EVENTS_OPEN" in shown["events"]["warnings"][0]
    assert "secret" not in str(body["sources"]).replace("compare the secret", "")


@pytest.mark.usefixtures("counted")
async def test_a_source_is_shown_with_its_mapping_and_refusals(client: Any) -> None:
    status, body = await answer(client, "/github?limit=1")

    assert status == 200
    assert body["mapping"] == {"split": "data.items", "type": '"com.github." + data.x'}
    assert body["replies"] == ["data.ping == true"]
    assert [each["client"] for each in body["refusals"]] == ["192.0.2.7"]
    assert len((await answer(client, "/github"))[1]["refusals"]) == 2
    assert (await answer(client, "/github", caller="admin"))[1]["refusals"][0]["at"] > body["since"]


async def test_what_came_to_no_source_is_shown_once_it_came(
    client: Any, connection: Connection, clock: Clock
) -> None:
    """Mutant: listed always."""
    refused = (msgspec.structs.replace(refusal(1.0), path="/in/githup", hint=""),)
    addition = SourceAddition(
        source="unknown", number=1, refused=1, refused_at=1.0, refusals=refused
    )
    await SourceLog(connection, clock).add("one", [addition])

    _, body = await answer(client)

    assert [each["name"] for each in body["sources"]][-1] == "unknown"
    shown = (await answer(client, "/unknown"))[1]
    assert (shown["refused"], shown["state"]) == (1, "refusing")
    assert shown["refusals"][0]["hint"] == "did you mean /in/github?"


@pytest.mark.parametrize(
    ("path", "token", "status", "message"),
    [
        ("/githu", "viewer", 404, 'did you mean "github"?'),
        ("/github?limit=0", "viewer", 400, "limit"),
        ("?x=1", "viewer", 400, "unknown query parameter"),
        ("", "", 401, "ROUTER_VIEWER_TOKEN"),
    ],
)
async def test_a_bad_request_is_told_what_is_wrong(
    client: Any, path: str, token: str, status: int, message: str
) -> None:
    found, body = await answer(client, path, token)

    assert found == status
    assert message in body["error"]["message"]


async def test_a_process_that_receives_no_requests_knows_no_missing_secret(
    connection: Connection, clock: Clock
) -> None:
    """Its variables need not be set."""
    shown = {
        each.name: each
        for each in await reader(connection, clock, Settings(), receives=False).all()
    }

    assert shown["crm"].missing_variables == []
    assert (shown["twilio"].verified_by, shown["twilio"].state) == (None, "never received")


@pytest.mark.parametrize(
    ("changes", "name", "variable"),
    [
        ({}, "twilio", "ROUTER_TWILIO_AUTH_TOKENS"),
        ({"twilio_basic_auth": (Secret("a:b"),)}, "twilio", None),
        ({}, "events", "ROUTER_EVENTS_TOKEN"),
        ({"events_token": (Secret("x"),)}, "events", None),
    ],
)
async def test_a_path_without_its_secret_is_closed(
    connection: Connection, clock: Clock, changes: Any, name: str, variable: str | None
) -> None:
    settings = msgspec.structs.replace(Settings(), **changes)

    found = await reader(connection, clock, settings).one(name, limit=1)

    assert found is not None
    assert found.missing_variables == ([] if variable is None else [variable])
    assert (found.state == "closed") is (variable is not None)
