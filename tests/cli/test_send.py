"""``router send`` as a user runs it; tests/client has the sending itself."""

import asyncio
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from support.processes import RouterProcess

from router.cli import main
from router.datatypes import Secret
from router.dev.dev_store import DevStore, stores_folder
from router.dev.running_dev import Announcement, RunningDev

WAY_OUT = "write http:// or https://, a host and a path, for example http://127.0.0.1:8080/events"


@pytest.mark.parametrize("name", ["event.json", "events.jsonl"])
@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("ftp://x/events", "ftp://x/events"),
        ("localhost:8080/events", "localhost:8080/events"),
        ("/events", "/events"),
        ("http://", "http://"),
        ("http://[::1/events", "http://[::1/events"),
        ("http://h:99999/events", "http://h:99999/events"),
        ("file://x?access_token=secret", "file://x"),
    ],
)
def test_a_url_that_is_none_is_an_error_of_the_option(
    url: str, shown: str, name: str, sample: bytes, tmp_path: Path
) -> None:
    """Case O14."""
    (tmp_path / name).write_bytes(sample)
    result = CliRunner().invoke(main, ["send", str(tmp_path / name), "--url", url])

    assert (result.exit_code, result.stderr) == (2, f"router: --url {shown}: {WAY_OUT}\n")


@pytest.mark.parametrize("name", ["event.json", "events.jsonl"])
def test_a_user_in_the_url_is_an_error_that_does_not_show_the_password(
    name: str, sample: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Case O14: with a token for /events it was a traceback with the password."""
    monkeypatch.setenv("ROUTER_EVENTS_TOKEN", "token")
    (tmp_path / name).write_bytes(sample)
    url = "http://ann:secret@127.0.0.1:1/events"
    result = CliRunner().invoke(main, ["send", str(tmp_path / name), "--url", url])

    assert result.exit_code == 2
    assert "http://127.0.0.1:1/events: write it without user and password" in result.stderr
    assert "secret" not in result.output


def test_the_user_of_a_signed_url_is_not_shown(
    sample: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Case O14: beside ROUTER_TWILIO_BASIC_AUTH, too, which the URL replaces."""
    monkeypatch.setenv("ROUTER_TWILIO_AUTH_TOKENS", "token")
    monkeypatch.setenv("ROUTER_TWILIO_BASIC_AUTH", "bob:other")
    (tmp_path / "event.json").write_bytes(sample)
    url = "http://ann:secret@127.0.0.1:1/twilio"
    result = CliRunner().invoke(
        main, ["send", str(tmp_path / "event.json"), "--sign", "--url", url]
    )

    assert result.exit_code == 2
    assert "http://127.0.0.1:1/twilio: connection refused" in result.stderr
    assert "secret" not in result.output


@pytest.mark.parametrize("name", ["event.json", "events.jsonl"])
def test_a_router_that_is_not_there_is_said_at_once(
    name: str, sample: bytes, tmp_path: Path
) -> None:
    """Case O14: no five minutes of retries before the reason."""
    (tmp_path / name).write_bytes(sample.replace(b"\n", b" "))
    url = "http://127.0.0.1:1/events"
    result = CliRunner().invoke(main, ["send", str(tmp_path / name), "--url", url])

    assert result.exit_code == 2
    assert f"{url}: connection refused: nothing listens there" in result.stderr


def test_the_port_of_router_dev_in_the_environment_is_router_dev(
    sample: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Case O9: with ROUTER_PORT exported for both, --sign did not find the token."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("ROUTER_PORT", "9")
    monkeypatch.delenv("ROUTER_TWILIO_AUTH_TOKENS", raising=False)
    monkeypatch.setenv("ROUTER_RULES", str(tmp_path / "rules"))
    stores = stores_folder(str(tmp_path), "")
    assert stores is not None
    announced = Announcement(DevStore(stores, tmp_path / "rules"))
    announced.publish(
        RunningDev(
            pid=1,
            url="http://127.0.0.1:9",
            redis_url="unix:///x",
            auth_token="a",
            admin_token="b",
            rules=str(tmp_path / "rules"),
        )
    )
    (tmp_path / "event.json").write_bytes(sample)
    result = CliRunner().invoke(main, ["send", "--sign", str(tmp_path / "event.json")])
    announced.withdraw()

    assert "http://127.0.0.1:9/twilio: connection refused" in result.stderr


def test_the_sample_needs_no_file() -> None:
    results = [
        CliRunner().invoke(main, ["send", *words, "--url", "http://127.0.0.1:1/events"])
        for words in (
            ["--sample"],
            [],
            ["-", "--sample"],
            ["--sample", "com.twilio.messaging.message.failed"],
            ["--sample", "com.twilio.messaging.message.failedd"],
        )
    ]

    assert [each.exit_code for each in results] == [2, 2, 2, 2, 2]
    assert "http://127.0.0.1:1/events: connection refused" in results[0].stderr
    assert "name one file with events, or --sample" in results[1].stderr
    assert "name a file or --sample" in results[2].stderr
    assert "http://127.0.0.1:1/events: connection refused" in results[3].stderr
    assert 'did you mean "com.twilio.messaging.message.failed"?' in results[4].stderr


@pytest.mark.parametrize(
    "public_url", ["", "http://localhost:8080", "https://router.example.com/in"]
)
async def test_a_rejected_signature_names_the_url_that_it_is_for(
    redis_url: Secret, public_url: str
) -> None:
    """Case O1: the router knew itself as localhost, and the command as 127.0.0.1."""
    environ = {
        "ROUTER_REDIS_URL": redis_url.reveal(),
        "ROUTER_HOST": "0.0.0.0",  # noqa: S104 - as in a container
        "ROUTER_TWILIO_AUTH_TOKENS": "token",
        "ROUTER_PORT": "0",
        "ROUTER_PUBLIC_URL": public_url,
    }
    async with RouterProcess("ingress", environ=environ) as router:
        environ["ROUTER_PORT"] = router.url.rsplit(":", 1)[1]
        given = await asyncio.to_thread(invoke, environ)
        without = await asyncio.to_thread(invoke, environ | {"ROUTER_PUBLIC_URL": "http://other/x"})

    assert given.output.startswith("202 ")
    assert without.output.startswith("403 ")
    assert "the signature is for http://other/x/twilio, by the first of" in without.stderr
    assert without.exit_code == 1


def invoke(environ: dict[str, str]) -> Result:
    return CliRunner().invoke(main, ["send", "--sample", "--sign"], env=environ)
