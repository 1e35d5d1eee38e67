"""The kind apprise, with Apprise's own JSON service as the receiver."""

import html
import io
import logging
import re
import sys
from typing import ClassVar

import msgspec
import pytest
from contracts.destination import PLANTED, ConnectingContract, attempt
from support.golden import golden
from support.sinks import HttpSink, Reply, TcpSink, greets, hang_up, silence

from router.alerts import AlertStatus, Delivered, Failed, Refused
from router.datatypes import Duration, Secret, decode_value
from router.destinations.apprise import AppriseConfig, AppriseDestination
from router.destinations.kinds import KINDS
from router.settings.choices import Egress

FAILED = "Apprise could not send it"


def html_text(content: str) -> str:
    """The text of HTML without its tags, as a client shows it."""
    return html.unescape(re.sub("<[^>]*>", "", content))


def markdown_text(content: str) -> str:
    """The text of Markdown, as a client shows it."""
    return re.sub(r"\\(.)", r"\1", content)


def config(port: int, **more: object) -> AppriseConfig:
    return AppriseConfig(url=Secret(f"json://127.0.0.1:{port}/hook"), **more)


class TestContract(ConnectingContract):
    flood_beginning = b"HTTP/1.1 500 Oh\r\nContent-Length: 10485760\r\n\r\n"
    greeting = b"HTTP"

    def accepting(self):
        return HttpSink()

    def config(self, port: int, timeout: float) -> AppriseConfig:
        url = f"json://user:{PLANTED}@127.0.0.1:{port}/{PLANTED}?+x-key={PLANTED}"
        return AppriseConfig(url=Secret(url), timeout=Duration(timeout))

    def arrived(self, far: HttpSink) -> list[bytes]:
        return [request.body for request in far.requests]

    async def test_a_closed_port_is_connection_refused(self, environment, delivery):
        # Overridden, because Apprise does not report the reason.
        async with TcpSink(silence) as far:
            port = far.port
        outcome = await attempt(self.make(port, environment), delivery)
        assert (type(outcome), outcome.reason) == (Failed, FAILED)

    async def test_a_forbidden_address_is_refused_and_never_connected_to(
        self, environment, delivery
    ):
        public = msgspec.structs.replace(environment, egress=Egress.PUBLIC)
        async with TcpSink(silence) as canary:
            outcome = await attempt(self.make(canary.port, public), delivery)
            assert canary.connections == 0
        assert (type(outcome), outcome.reason) == (
            Refused,
            "address not allowed by ROUTER_EGRESS",
        )

    @pytest.mark.parametrize("answer", [b"\x00\xff\xfe garbage\r\n\r\n", b"999"])
    async def test_garbage_is_a_failure_not_an_exception(self, answer, environment, delivery):
        async with TcpSink(greets(answer, hang_up)) as far:
            outcome = await attempt(self.make(far.port, environment, timeout=1.0), delivery)
        assert isinstance(outcome, Failed)
        assert PLANTED not in repr(outcome)


@pytest.mark.parametrize("status", list(AlertStatus))
async def test_what_is_sent_reads_like_this(status, linked, full):
    alert = msgspec.structs.replace(full.alert, status=status)
    async with HttpSink() as sink:
        destination = AppriseDestination("x", config(sink.port), linked)
        await attempt(destination, msgspec.structs.replace(full, alert=alert))
    sent = sink.requests[0].json()
    seen = f"{sent['type']}\n{sent['title']}\n\n{sent['message']}"
    assert seen == golden(f"apprise-{status}.txt", seen)


async def test_event_text_mentions_no_members(environment, delivery, alert):
    text = "@everyone <@U1> <!here> @channel"
    alert = msgspec.structs.replace(
        alert, summary="{{ data }}", event=msgspec.json.encode({"data": text})
    )
    async with HttpSink() as sink:
        destination = AppriseDestination("x", config(sink.port), environment)
        await attempt(destination, msgspec.structs.replace(delivery, alert=alert))
    sent = sink.requests[0].json()
    for calls in ("@everyone", "<@", "<!", "@channel"):
        assert calls not in sent["title"] + sent["message"]


HOSTILE = "web-1 <b>down</b> & 3 < 4 **x** [bank](https://evil.example)"


class Answer:
    """What every service is told by its API."""

    status_code = 200
    headers: ClassVar[dict[str, str]] = {}
    content = b'{"ok":true,"access_token":"x","room_id":"!r:h","user_id":"@u:h","home_server":"h"}'
    text = content.decode()

    def json(self):
        return msgspec.json.decode(self.content)


@pytest.mark.parametrize(
    ("url", "field", "reads"),
    [
        ("tgram://123456789:abcdefghijklmnopqrstuvwxyz123456789/12315544/", "text", html_text),
        ("discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js", "content", str),
        ("matrixs://user:pass@host/%23room", "body", str),
        ("rockets://token1/token2@host/%23ch", "text", markdown_text),
        ("webex://token/room", "markdown", markdown_text),
        ("ntfy://host/topic", "message", str),
        ("gotifys://host/token1234567890", "message", str),
    ],
)
async def test_event_text_arrives_as_text(
    url, field, reads, environment, delivery, alert, monkeypatch
):
    """Case D20: whatever format a service reads, it is sent text."""
    sent = []

    def request(*_session_method_url, **more):
        sent.append(more.get("data") or msgspec.json.encode(more.get("json")))
        return Answer()

    monkeypatch.setattr("requests.Session.request", request)
    event = msgspec.json.encode({"data": {"friendly_name": HOSTILE}})
    alert = msgspec.structs.replace(alert, event=event, summary="{{ data.friendly_name }}")
    destination = AppriseDestination("x", AppriseConfig(url=Secret(url)), environment)
    outcome = await attempt(destination, msgspec.structs.replace(delivery, alert=alert))
    assert outcome == Delivered()
    (text,) = [body[field] for each in sent if field in (body := msgspec.json.decode(each) or {})]
    assert "](" not in text
    assert HOSTILE in reads(text).replace("\u200b", "")


@pytest.fixture
def log():
    """The text of the root logger. caplog also has records that do not propagate to it."""
    root, text = logging.getLogger(), io.StringIO()
    handler, level = logging.StreamHandler(text), root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield text
    root.removeHandler(handler)
    root.setLevel(level)


async def test_apprises_log_of_a_failure_is_stored_without_secrets_and_not_logged(
    environment, delivery, log
):
    async with HttpSink(Reply(403, PLANTED.encode())) as sink:
        destination = AppriseDestination("x", TestContract().config(sink.port, 5), environment)
        outcome = await attempt(destination, delivery)
    assert isinstance(outcome, Failed)
    assert "403" in outcome.response
    assert PLANTED not in repr(outcome) + log.getvalue()


async def test_a_redirect_leads_to_no_forbidden_address(environment, delivery):
    there = Reply(307, b"", {"Location": "http://169.254.169.254/latest/meta-data/"})
    async with HttpSink(there) as sink:
        destination = AppriseDestination("x", config(sink.port), environment)
        outcome = await attempt(destination, delivery)
    assert outcome.reason in {"address not allowed by ROUTER_EGRESS", FAILED}
    assert not isinstance(outcome, Delivered)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LOCALHOST"])
async def test_no_spelling_of_this_machine_is_connected_to(host, environment, delivery):
    public = msgspec.structs.replace(environment, egress=Egress.PUBLIC)
    async with TcpSink(silence) as canary:
        made = AppriseConfig(url=Secret(f"json://{host}:{canary.port}/"))
        outcome = await attempt(AppriseDestination("x", made, public), delivery)
        assert canary.connections == 0
    assert isinstance(outcome, Refused)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        (f"nothing://{PLANTED}", "url is not known to Apprise"),
        (PLANTED, "url is not known to Apprise"),
        ("syslog://", "url is for a service on this machine"),
        ("dbus://", "url is"),
        ("windows://", "url is"),
        ("macosx://", "url is"),
    ],
)
def test_a_wrong_url_says_what_would_be_right_and_not_itself(url, message):
    with pytest.raises(msgspec.ValidationError, match=message) as raised:
        msgspec.convert({"url": url}, KINDS["apprise"].config, dec_hook=decode_value)
    assert PLANTED not in str(raised.value)


def test_without_the_extra_the_finding_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "apprise", None)
    with pytest.raises(ValueError, match=r"pip install '\.\[apprise\]'"):
        AppriseConfig(url=Secret("json://x"))


@pytest.mark.parametrize(("status", "throttled"), [(429, True), (403, False), (503, False)])
async def test_a_service_that_is_throttled_says_so(status, throttled, environment, delivery):
    """Case D1: Apprise reports the status in its log only."""
    async with HttpSink(otherwise=Reply(status, b"429")) as sink:
        destination = AppriseDestination("x", config(sink.port), environment)
        outcome = await attempt(destination, delivery)
    assert isinstance(outcome, Failed)
    assert outcome.throttled is throttled
