"""`router sources`: what is in the folder, what came of it, and what would come of a request."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from click.testing import Result

from router.clock import system_clock
from router.datatypes import Secret
from router.journal.connection import connect
from router.journal.source_log import RefusedRequest, SourceAddition, SourceLog

Router = Callable[..., Result]
RULES = """
destinations: {noc: {capture: {}}}
sources:
  github: {preset: github, verify: {secret: "${GITHUB_SECRET}"}}
  open: {verify: none, rate: 5/s, event: {type: body.kind}}
rules:
  - {name: deals, events: [deal], severity: info, summary: "{{ data.kind }}", send_to: [noc]}
"""
NOWHERE = "redis://127.0.0.1:1/0"


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(RULES)


@pytest.fixture
def refused(redis_url: Secret) -> None:
    """Three refusals of github, of which one is stored."""
    refusal = RefusedRequest(
        at=1_767_225_600.0,
        status=403,
        code="wrong_signature",
        reason="the signature is wrong\x1b[2J",
        hint="compare the secret",
        client="192.0.2.7",
        path="/in/github",
        method="POST",
    )
    addition = SourceAddition(
        source="github", number=1, accepted=4, refused=3, refused_at=refusal.at, refusals=(refusal,)
    )

    async def store() -> None:
        connection = connect(redis_url, deadline=5.0, max_connections=1)
        await SourceLog(connection, system_clock()).add("one", [addition])
        await connection.close()

    asyncio.run(store())


@pytest.mark.usefixtures("refused")
def test_sources_are_listed_with_what_came_of_their_requests(router: Router) -> None:
    shown = router("sources", "list")
    assert shown.exit_code == 0
    heading, github, opened, *_ = shown.stdout.splitlines()
    assert heading.split()[:3] == ["SOURCE", "PATH", "PRESET"]
    assert github.split()[:4] == ["github", "/in/github", "github", "github"]
    assert github.endswith("2026-01-01T00:00:00 403 the signature is wrong\\x1b[2J")
    assert opened.split()[3:5] == ["nothing", "5/s"]

    listed = msgspec.json.decode(router("sources", "list", "--json").stdout)
    assert listed["has_counts"] is True
    assert [each["name"] for each in listed["sources"]] == ["github", "open", "twilio", "events"]
    assert listed["sources"][0]["refused"] == 3


def test_without_redis_the_folder_is_listed(router: Router) -> None:
    shown = router("sources", "list", ROUTER_REDIS_URL=NOWHERE)

    assert shown.exit_code == 0
    assert "note: counts were not read" in shown.stderr
    assert "/in/github" in shown.stdout
    assert "REFUSED" not in shown.stdout
    listed = msgspec.json.decode(
        router("sources", "list", "--json", ROUTER_REDIS_URL=NOWHERE).stdout
    )
    assert listed["has_counts"] is False


@pytest.mark.usefixtures("refused")
def test_refusals_are_shown_with_their_hints(router: Router) -> None:
    shown = router("sources", "refusals", "github")
    assert shown.stdout.splitlines() == [
        "2026-01-01T00:00:00  403 POST /in/github from 192.0.2.7",
        "  the signature is wrong\\x1b[2J",
        "  hint: compare the secret",
        "the newest 1 of 3",
    ]
    found = msgspec.json.decode(router("sources", "refusals", "github", "--json").stdout)
    assert (found["refused"], len(found["refusals"])) == (3, 1)
    assert (
        router("sources", "refusals", "open").stdout
        == "no request of open was refused in 30 days\n"
    )
    unknown = router("sources", "refusals", "githu")
    assert (unknown.exit_code, unknown.stderr) == (
        2,
        "router: there is no source 'githu', did you mean \"github\"?\n",
    )


def test_presets_are_listed_and_printed(router: Router) -> None:
    listed = router("sources", "preset")
    assert (listed.exit_code, listed.stdout.count("\ngithub ")) == (0, 1)
    assert "about:" in router("sources", "preset", "github").stdout
    unknown = router("sources", "preset", "githab")
    assert (unknown.exit_code, 'did you mean "github"?' in unknown.stderr) == (2, True)


def test_a_request_is_tried_step_by_step(router: Router, tmp_path: Path) -> None:
    body = tmp_path / "body.json"
    body.write_text('{"kind": "deal"}')

    shown = router("sources", "test", "open", str(body), ROUTER_REDIS_URL=NOWHERE)

    assert shown.exit_code == 0, shown.output
    assert "source open at /in/open: accepted" in shown.stdout
    assert "nothing: anyone can send to it" in shown.stdout
    assert '  type    body.kind -> "deal"' in shown.stdout
    assert "rule deals: matched, tells noc" in shown.stdout
    found = msgspec.json.decode(router("sources", "test", "open", str(body), "--json").stdout)
    assert found["is_well"] is True
    assert found["rules"][0]["rules"][0]["rule"] == "deals"


def test_a_whole_request_is_taken_and_options_stand_over_it(router: Router) -> None:
    request = (
        "POST /in/github HTTP/1.1\nHost: a.example\nX-GitHub-Event: push\n"
        "X-GitHub-Delivery: 1\nX-Hub-Signature-256: sha256=00\n\n{}"
    )
    secret = {"GITHUB_SECRET": "secret-of-github"}

    refused = router("sources", "test", "github", "-", typed=request, **secret)
    assert refused.exit_code == 1
    assert "github: refused" in refused.stdout
    assert '-> "com.github.push"' in refused.stdout
    other = router(
        "sources", "test", "github", "-", "-H", "x-github-event: ping", typed=request, **secret
    )
    assert '-> "com.github.ping"' in other.stdout
    assert "secret-of-github" not in refused.stdout + other.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("githu", "-"), 'did you mean "github"?'),
        (("github", "-", "-H", "x"), "is no header"),
        (("github", "-", "--at", "x"), "is no time"),
        (("github", "nothing.json"), "No such file"),
    ],
)
def test_a_usage_error_says_what_to_write(
    router: Router, arguments: tuple[str, ...], message: str
) -> None:
    shown = router("sources", "test", *arguments)

    assert shown.exit_code == 2
    assert message in shown.stderr
