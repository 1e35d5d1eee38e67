"""`router doctor`: the report, its exit codes, and what it does not print."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result
from support.redis_servers import free_port
from support.running import running, settings_for, worker_of
from support.sinks import HttpSink

from router.cli import main
from router.datatypes import Secret
from router.doctor import examination
from router.runtime.roles import Roles

Router = Callable[..., Result]

RULES = """
destinations:
  hook:
    http: {url: "%s"}
rules:
  - name: every
    events: [com.example.a]
    severity: warning
    send_to: [hook]
    summary: Something happened
"""


def checks(result: Result) -> list[dict[str, str]]:
    return msgspec.json.decode(result.stdout, type=dict[str, list[dict[str, str]]])["checks"]


def by_status(result: Result, status: str) -> list[str]:
    return [
        f"{each['section']} {each['name']}" for each in checks(result) if each["status"] == status
    ]


def test_a_broken_folder_does_not_hide_a_broken_redis(tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text("rules: 1\n")
    environ = {
        "ROUTER_RULES": str(tmp_path),
        "ROUTER_REDIS_URL": f"redis://:hunter2@127.0.0.1:{free_port()}/0",
        "ROUTER_PORT": "x",
    }

    result = CliRunner().invoke(main, ["doctor"], env=environ)
    as_json = CliRunner().invoke(main, ["doctor", "--json"], env=environ)

    assert result.exit_code == as_json.exit_code == 2
    assert by_status(as_json, "problem") == [
        "settings variable",
        "rules finding",
        "redis connection",
    ]
    assert "  problem: rules: expected a list" not in result.stdout  # with its place
    assert "rules.yaml:1: rules: expected a list" in result.stdout
    assert " · start Redis, or correct host and port in ROUTER_REDIS_URL\n" in result.stdout
    assert "hunter2" not in result.stdout + as_json.stdout


def test_a_wrong_url_of_redis_skips_what_needs_it(tmp_path: Path) -> None:
    environ = {"ROUTER_REDIS_URL": "http://x", "ROUTER_RULES": str(tmp_path)}

    result = CliRunner().invoke(main, ["doctor", "redis", "work", "--json"], env=environ)

    assert [each["status"] for each in checks(result)] == ["skipped", "skipped"]
    assert result.exit_code == 1


@pytest.mark.parametrize(
    "words",
    [
        ("redis", "--send-test"),
        ("redis", "--destination", "hook"),
        ("redis", "--url", "https://router.example.com"),
    ],
)
def test_an_option_of_a_section_that_is_not_checked_is_refused(words: tuple[str, ...]) -> None:
    result = CliRunner().invoke(main, ["doctor", *words])

    assert result.exit_code == 2
    assert " the section " in result.stderr


def test_only_the_sections_that_are_named_are_checked(router: Router) -> None:
    result = router("doctor", "machine", "settings", "--json")

    assert {each["section"] for each in checks(result)} == {"settings", "machine"}
    assert router("doctor", "redus").exit_code == 2


def test_problems_alone_make_exit_code_1(router: Router, tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text(RULES % f"http://127.0.0.1:{free_port()}/")

    assert router("doctor", "destinations").exit_code == 1
    assert router("doctor", "rules", "redis").exit_code == 0  # warnings are none


@pytest.mark.usefixtures("dead")
def test_what_waits_for_a_decision_is_told(router: Router) -> None:
    result = router("doctor", "work")

    assert "5 dead letters wait for a decision" in result.stdout
    assert "router dead-letters list" in result.stdout
    assert result.exit_code == 0


@pytest.mark.usefixtures("dead")
def test_a_paused_destination_is_told(router: Router) -> None:
    router("destinations", "pause", "mail", "--reason", "they move")

    assert ": they move · resume it when that is over:" in router("doctor", "work").stdout


def test_a_test_message_needs_a_worker_and_a_destination_that_exists(
    router: Router, tmp_path: Path
) -> None:
    (tmp_path / "rules.yaml").write_text(RULES % "http://127.0.0.1:1/")

    result = router("doctor", "destinations", "--destination", "hook", "--destination", "hok")

    assert result.exit_code == 1
    assert "no worker has this destination" in result.stdout
    assert "there is no destination 'hok' · did you mean \"hook\"?" in result.stdout


async def test_a_test_message_is_sent_by_a_worker_and_nothing_without_the_option(
    router: Router, redis_url: Secret, tmp_path: Path
) -> None:
    async with HttpSink() as sink:
        (tmp_path / "rules.yaml").write_text(RULES % sink.url)
        settings = settings_for(redis_url, rules=tmp_path)
        roles = Roles(port=0, ingress=True, worker=worker_of(tmp_path, settings))
        async with running(settings, roles):
            plain = await asyncio.to_thread(router, "doctor", "destinations", "work")
            assert sink.requests == []
            result = await asyncio.to_thread(router, "doctor", "destinations", "--send-test")

    assert plain.exit_code == 0
    assert "hook: a test message was delivered in" in result.stdout
    assert len(sink.requests) == 1
    trail = await asyncio.to_thread(router, "audit", "list")
    assert "tested" in trail.stdout


@pytest.mark.parametrize("url", ["http://", "http://localhost:99999"])
def test_a_url_that_nothing_can_call_is_a_problem(router: Router, url: str) -> None:
    result = router("doctor", "url", "--url", url, "--json")
    assert (result.exit_code, by_status(result, "problem")) == (1, ["url form"])


def test_a_destination_for_whose_test_no_time_is_left_is_named(
    router: Router, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "rules.yaml").write_text(RULES % "http://127.0.0.1:1/")
    monkeypatch.setattr(examination, "_TESTS_SECONDS", -1.0)
    result = router("doctor", "destinations", "--send-test")
    assert result.exit_code == 1
    assert (
        "  problem: hook: no test message was sent: no time was left"
        " · test it alone: router doctor destinations --destination hook\n" in result.stdout
    )
