"""Destinations that say which replies are a success, and which are retried."""

import asyncio

import msgspec
import pytest
from contracts.destination import PLANTED, attempt
from support.sinks import HttpSink, Reply

from router.alerts import RESPONSE_LIMIT, Delivered, Failed, Refused
from router.datatypes import Secret, decode_value
from router.destinations.http import HttpDestination
from router.destinations.http_config import HttpConfig
from router.destinations.kinds import KINDS
from router.destinations.transport.credentials import OAuth2Config

TEAMS = (
    b"Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 429"
    b" with ContextId=tcid=0,server=DM3PEPF000001"
)
SSO = b"<html><title>Sign in</title><form action=/login><input name=token></form></html>"


@pytest.fixture
def outcome_of(environment, delivery):
    """Return the outcome of a delivery that gets a reply, with these keys of the destination."""

    async def outcome(reply, **keys):
        async with HttpSink(otherwise=reply) as sink:
            made = msgspec.convert(
                {"url": sink.url} | keys, KINDS["http"].config, dec_hook=decode_value
            )
            return await attempt(HttpDestination("x", made, environment), delivery)

    return outcome


@pytest.mark.parametrize(
    ("success", "reply", "expected"),
    [
        ({"when": "body.ok"}, Reply(200, b'{"ok": true}'), Delivered(200)),
        ({"when": "body.ok == true"}, Reply(200, b'\xef\xbb\xbf {"ok":true}\n'), Delivered(200)),
        ({"when": "body.ok == true"}, Reply(202, b'{"ok":true}'), Delivered(202)),
        (
            {"when": "body.ok == true"},
            Reply(200, b'{"ok":false,"error":"x"}'),
            Failed(
                "HTTP 200 OK, but success.when is false", 200, '{"ok":false,"error":"x"}'
            ),
        ),
        (
            {"when": "body.ok == true"},
            Reply(200, SSO),
            Failed("HTTP 200 OK, but the answer is not JSON", 200, SSO.decode()),
        ),
        (
            {"when": "body.ok == true"},
            Reply(200, b""),
            Failed("HTTP 200 OK, but the answer is not JSON", 200),
        ),
        ({"when": "body.errors.size() == 0"}, Reply(200, b'{"errors": []}'), Delivered(200)),
        ({"when": "body[0].code in [0, 7]"}, Reply(200, b'[{"code": 7}]'), Delivered(200)),
        ({"when": "!has(body.error)"}, Reply(200, b"{}"), Delivered(200)),
        (
            {"when": "!has(body.error) || body.error == null"},
            Reply(200, b'{"error":null}'),
            Delivered(200),
        ),
        ({"when": "status == 201 || text == 'ok'"}, Reply(200, b"ok\r\n"), Delivered(200)),
        ({"when": "!text.contains('failed')"}, Reply(200, b"1"), Delivered(200)),
        (
            {"when": "!text.contains('failed')"},
            Reply(200, TEAMS),
            Failed("HTTP 200 OK, but success.when is false", 200, TEAMS.decode()),
        ),
        ({"text": "1"}, Reply(200, b"1"), Delivered(200)),
        (
            {"text": "1"},
            Reply(200, TEAMS),
            Failed("HTTP 200 OK, but the answer has no `1`", 200, TEAMS.decode()),
        ),
        ({"text": "ok"}, Reply(200, b"ok"), Delivered(200)),
        ({"text": "OK"}, Reply(200, b"OK: 12345"), Delivered(200)),
        (
            {"text": "ok"},
            Reply(200, SSO),
            Failed("HTTP 200 OK, but the answer has no `ok`", 200, SSO.decode()),
        ),
        (
            {"text": "ok"},
            Reply(200, b"invalid_payload"),
            Failed("HTTP 200 OK, but the answer has no `ok`", 200, "invalid_payload"),
        ),
        ({"status": [200, 204]}, Reply(204, b""), Delivered(204)),
        (
            {"status": [202]},
            Reply(200, b"ok"),
            Failed("HTTP 200 OK is not in success.status", 200),
        ),
        ({"status": ["2xx", 409]}, Reply(409, b"exists"), Delivered(409)),
        ({"status": ["2xx", 409]}, Reply(200, b""), Delivered(200)),
        ({"status": ["409"]}, Reply(409, b""), Delivered(409)),
        ({"status": [302]}, Reply(302, b"", {"Location": "/ok"}), Delivered(302)),
        (
            {"status": ["2xx", 409], "when": "body.exists"},
            Reply(409, b'{"exists": false}'),
            Failed("HTTP 409 Conflict, but success.when is false", 409, '{"exists": false}'),
        ),
        (
            {"status": ["2xx", 409], "when": "body.exists"},
            Reply(409, b'{"exists": true}'),
            Delivered(409),
        ),
        (
            {"when": "body.ok"},
            Reply(404, b'{"ok": true}'),
            Refused("HTTP 404 Not Found", 404, '{"ok": true}'),
        ),
        (
            {"when": "body.ok"},
            Reply(503, b"", {"Retry-After": "7"}),
            Failed("HTTP 503 Service Unavailable", 503, "", 7.0),
        ),
        (
            {"when": "body.ok"},
            Reply(200, b'{"ok": false}', {"Retry-After": "7"}),
            Failed("HTTP 200 OK, but success.when is false", 200, '{"ok": false}', 7.0),
        ),
    ],
)  # fmt: skip
async def test_the_destination_says_which_replies_are_a_success(
    success, reply, expected, outcome_of
):
    """Case D14: ``200`` with ``{"ok":false}``, a connector's failure or an SSO page."""
    assert await outcome_of(reply, success=success) == expected


async def test_a_condition_without_a_value_says_why(outcome_of):
    outcome = await outcome_of(Reply(200, b'{"state": "ok"}'), success={"when": "body.ok == true"})
    assert isinstance(outcome, Failed)
    assert outcome.reason.startswith("HTTP 200 OK, but success.when has no value: ")
    assert "ok" in outcome.reason


async def test_a_reply_that_is_no_success_tells_no_secret(outcome_of):
    echo = b'{"ok": false, "got": "Bearer %b"}' % PLANTED.encode() + b" " * 3000
    outcome = await outcome_of(
        Reply(200, echo),
        success={"when": "body.ok"},
        headers={"authorization": f"Bearer {PLANTED}"},
    )
    assert isinstance(outcome, Failed)
    assert '"got": "***"' in outcome.response
    assert len(outcome.response) <= RESPONSE_LIMIT


async def test_an_answer_of_a_megabyte_is_read_and_one_without_end_is_not(outcome_of):
    large = b'{"padding": "%b", "ok": true}' % (b"x" * 500_000)
    assert await outcome_of(Reply(200, large), success={"when": "body.ok"}) == Delivered(200)
    endless = b'{"padding": "%b", "ok": true}' % (b"x" * 3_000_000)
    outcome = await outcome_of(Reply(200, endless), success={"when": "body.ok"})
    assert isinstance(outcome, Failed)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 410, 422, 302])
async def test_a_status_of_retry_on_is_retried(status, outcome_of):
    """Case D25: a 404 for the second of a deploy behind an ingress."""
    reply = Reply(status, b"no route", {"Retry-After": "7"})
    before = await outcome_of(reply)
    outcome = await outcome_of(reply, retry_on=[404, 410, 400, 401, 403, 409, 422, "3xx"])
    assert isinstance(before, Refused)
    assert isinstance(outcome, Failed)
    assert (outcome.status, outcome.retry_after_seconds, outcome.response) == (
        status,
        7.0,
        "no route",
    )


@pytest.mark.parametrize("status", [421, 423, 425, 408, 429, 499, 500, 503, 520])
async def test_a_status_of_a_moment_is_retried_by_default_and_with_retry_on(status, outcome_of):
    """Case D25."""
    for keys in ({}, {"retry_on": [404]}):
        assert isinstance(await outcome_of(Reply(status, b""), **keys), Failed)


async def test_a_status_of_refuse_on_is_final(outcome_of):
    """Case D25: of ``retry_on``, the reverse."""
    keys = {"refuse_on": [500, 200, 404, 410], "success": {"text": "ok"}}
    for status in (500, 200, 404, 410):
        outcome = await outcome_of(Reply(status, b"bad"), **keys)
        assert isinstance(outcome, Refused)
        assert (outcome.status, outcome.response) == (status, "bad")
        assert (outcome.of_delivery, outcome.disables) == (True, False)
    assert isinstance(await outcome_of(Reply(503, b"bad"), **keys), Failed)
    assert await outcome_of(Reply(200, b"ok"), **keys) == Delivered(200)


async def test_a_new_token_is_fetched_after_a_401_that_is_retried(environment, delivery):
    granted = Reply(200, b'{"access_token": "t"}')
    async with HttpSink(otherwise=granted) as server, HttpSink(Reply(401)) as sink:
        oauth2 = OAuth2Config(token_url=server.url, client_id="a", client_secret=Secret("b"))
        made = HttpConfig(url=Secret(sink.url), oauth2=oauth2, retry_on=(401,))
        assert await attempt(HttpDestination("x", made, environment), delivery) == Delivered(200)
    assert len(server.requests) == 2


async def test_the_batch_of_a_reply_that_is_no_success_fails_whole(environment, delivery):
    async with HttpSink(otherwise=Reply(200, b'{"ok": false}')) as sink:
        made = msgspec.convert(
            {"url": sink.url, "success": {"when": "body.ok"}, "format": "event", "batch": {}},
            HttpConfig,
            dec_hook=decode_value,
        )
        destination = HttpDestination("x", made, environment)
        await destination.open()
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(destination.attempt(delivery)) for _ in range(3)]
        await destination.close()
    assert {type(task.result()) for task in tasks} == {Failed}
    assert len(sink.requests) == 1


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"success": {}}, "success needs status, when or text"),
        ({"success": {"status": [99]}}, "status: '99' is no status, write for example"),
        ({"success": {"status": ["2x"]}}, "status: '2x' is no status"),
        ({"success": {"when": "body.ok ="}}, "when: .*at character 9; it is CEL over body, status"),
        ({"success": {"when": "reply.ok"}}, "when: .*reply.*at character 1;"),
        ({"success": {"when": "'yes'"}}, "when: "),
        ({"success": {"text": "x" * 1001}}, "text has 1001 characters, at most 1000"),
        ({"success": {"stat": [200]}}, "unknown field `stat`"),
        ({"retry_on": [4040]}, "retry_on: '4040' is no status"),
        ({"retry_on": ["4xx"], "refuse_on": [404]}, "refuse_on and retry_on both have 404"),
    ],
)
def test_a_wrong_success_says_what_would_be_right(keys, message):
    with pytest.raises(msgspec.ValidationError, match=message):
        msgspec.convert({"url": "https://x/"} | keys, KINDS["http"].config, dec_hook=decode_value)
