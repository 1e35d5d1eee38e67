"""docs/reference/destinations.md agrees with the code: its examples run, its tables are complete."""

import re
from pathlib import Path

import msgspec
import pytest
from contracts.destination import attempt
from support.sinks import HttpSink

from router.configuration.load import load
from router.configuration.variables import MissingVariable
from router.datatypes import Secret
from router.destinations.http import HttpDestination
from router.destinations.http_config import HttpConfig
from router.destinations.kinds import KINDS
from router.destinations.rendering import templates
from router.destinations.slack_errors import CHAT_FINAL, PASSING, WEBHOOK_FINAL

DOCUMENT = (Path(__file__).parents[2] / "docs" / "reference" / "destinations.md").read_text()


@pytest.fixture
def verify():
    """The function that the document gives to receivers."""
    (source,) = re.findall(r"```python\n(.*?)```", DOCUMENT, re.DOTALL)
    names: dict[str, object] = {}
    exec(source, names)  # noqa: S102 - our own document
    return names["verify"]


@pytest.fixture
def request_with(environment, delivery, wall_clock):
    async def send(secret: str):
        now = msgspec.structs.replace(environment, now=wall_clock)
        async with HttpSink() as sink:
            config = HttpConfig(url=Secret(sink.url), signing_secret=Secret(secret))
            await attempt(HttpDestination("x", config, now), delivery)
        return sink.requests[0]

    return send


@pytest.mark.parametrize("secret", ["whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD", "just words"])
async def test_the_documented_check_accepts_what_is_sent(secret, verify, request_with):
    request = await request_with(secret)
    verify(secret, request.headers, request.body)


@pytest.mark.parametrize(
    "change",
    [
        {"webhook-id": "msg_other"},
        {"webhook-timestamp": "1000000000"},
        {"webhook-signature": "v1,AAAA"},
    ],
)
async def test_the_documented_check_refuses_what_was_changed(change, verify, request_with):
    request = await request_with("just words")
    with pytest.raises(ValueError, match=r"wrong signature|too old"):
        verify("just words", request.headers | change, request.body)


@pytest.mark.parametrize("kind", KINDS)
def test_each_key_of_each_kind_is_documented(kind):
    section = DOCUMENT.split(f"## `{kind}`")[1].split("\n## ")[0]
    common = {"timeout", "concurrency", "retry", "rate", "breaker"}
    common |= {"pause_after", "acknowledgements", "send_resolved"}
    keys = {field.encode_name for field in msgspec.structs.fields(KINDS[kind].config)} - common
    assert keys == set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) & keys
    assert keys


def test_each_filter_and_each_of_slacks_words_is_documented():
    aliases = {"d"}
    words = templates._FILTERS | WEBHOOK_FINAL.keys() | CHAT_FINAL.keys() | PASSING
    named = set(re.findall(r"`(\w+)`", DOCUMENT))
    assert words - aliases - named == set()


def test_the_examples_load(tmp_path):
    for number, example in enumerate(
        re.findall(r"```yaml\n(destinations:.*?)```", DOCUMENT, re.DOTALL)
    ):
        (tmp_path / f"{number}.yaml").write_text(
            re.sub(r"(?m)^  (\w)", rf"  x{number}-\1", example)
        )
    configuration = load(tmp_path, {}, missing=MissingVariable.KEEP)
    assert all(spec.config is not None for spec in configuration.destinations)
