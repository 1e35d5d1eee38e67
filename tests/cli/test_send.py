"""``router send`` as a user runs it; tests/client has the sending itself."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from router.cli import main

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


@pytest.mark.parametrize(("name", "code"), [("event.json", 2), ("events.jsonl", 1)])
def test_a_router_that_is_not_there_is_said_at_once(
    name: str, code: int, sample: bytes, tmp_path: Path
) -> None:
    """Case O14: no five minutes of retries before the reason."""
    (tmp_path / name).write_bytes(sample.replace(b"\n", b" "))
    url = "http://127.0.0.1:1/events"
    result = CliRunner().invoke(main, ["send", str(tmp_path / name), "--url", url])

    assert result.exit_code == code
    assert f"{url}: Cannot connect to host 127.0.0.1:1" in result.stderr
