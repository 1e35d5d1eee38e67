"""The configuration of the kind http."""

import msgspec
import pytest
from contracts.destination import PLANTED

from router.datatypes import Secret, decode_value
from router.destinations.http_config import BatchConfig, HttpConfig
from router.destinations.kinds import KINDS
from router.destinations.rendering.json_body import Format


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"url": "ftp://x/"}, "must begin with https://"),
        ({"url": "https:///path"}, "must begin with https://"),
        ({"url": f"https://user:{PLANTED}@x/"}, "write basic: "),
        ({"url": f"https://[{PLANTED}/"}, "not a URL"),
        ({"url": f"https://x:{PLANTED}/"}, "not a URL"),
        ({"url": "https://x/", "headers": {"X": f"{PLANTED}\r\nY: z"}}, "not allowed in a header"),
        ({"url": "https://x/", "headers": {"X Y": PLANTED}}, "not allowed in a header"),
        ({"url": "https://x/", "headers": {"Webhook-Id": PLANTED}}, "set by the router itself"),
        ({"url": "https://x/", "signing_secret": f"whsec_!{PLANTED}"}, "not base64"),
        ({"url": "https://x/", "signing_secret": "whsec_"}, "signing_secret is empty"),
        ({"url": "https://x/", "signing_secret": ""}, "signing_secret is empty"),
        ({"url": "https://x/", "timeout": "0s"}, "timeout is 0"),
        ({"url": "https://x/", "concurrency": 0}, "must be at least 1"),
        ({"url": "https://x/", "retries": 3}, "unknown field `retries`"),
    ],
)
def test_a_wrong_configuration_says_what_would_be_right_and_no_secret(settings, message):
    with pytest.raises(msgspec.ValidationError, match=message) as raised:
        msgspec.convert(settings, KINDS["http"].config, dec_hook=decode_value)
    assert PLANTED not in str(raised.value)


def config(port: int, **more: object) -> HttpConfig:
    return HttpConfig(url=Secret(f"http://127.0.0.1:{port}/hook"), **more)


def test_a_batching_destination_has_room_for_whole_batches():
    made = config(1, format=Format.EVENT, batch=BatchConfig(max=50), concurrency=4)
    assert made.slots == 200


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"format": "cloudevent"}, "Invalid enum value"),
        ({"body": {"x": "{{ data. }}"}}, "body: x: "),
        ({"body": {"x": {"y": ["", "{{ dta }}"]}}}, r"body: x.y\[1\]: unknown name 'dta'"),
        ({"body": {str(n): "x" for n in range(300)}}, "300 texts, at most 200"),
        ({"body": {}, "format": "event"}, "body and format exclude each other"),
        ({"batch": {}}, "batch is for format: cloudevents"),
        ({"batch": {"max": 1}, "format": "event"}, "max must be from 2 to 1000"),
        ({"batch": {"wait": "5s"}, "format": "event"}, "wait must be at most 1s"),
        ({"bearer": PLANTED, "basic": {"user": "a", "password": PLANTED}}, "exclude each other"),
        ({"bearer": PLANTED, "headers": {"Authorization": PLANTED}}, "exclude each other"),
        ({"bearer": f"{PLANTED}\r\n"}, "bearer has characters"),
        ({"basic": {"user": "a:b", "password": PLANTED}}, "user may not contain a colon"),
        ({"headers": {"CE-Id": PLANTED}}, "set by the router itself"),
        ({"signing_secret": PLANTED, "signing_secrets": [PLANTED]}, "leave out signing_secret"),
        ({"signing_secrets": [f"whsec_!{PLANTED}"]}, "signing_secrets: what follows `whsec_`"),
        ({"signing_secret": f"whsk_{PLANTED}"}, "key for asymmetric signatures"),
        ({"signing_secrets": [f"whpk_{PLANTED}"]}, "key for asymmetric signatures"),
        ({"retry_on": [204]}, "retry_on: 204 is a success"),
        ({"retry_on": ["4xx"], "success": {"status": ["2xx", 409]}}, "retry_on: 409 is a success"),
        ({"success": {"text": " "}}, "success needs status, when or text"),
        ({"success": {"when": "response.ok"}}, "when: there is no 'response', at character 1"),
        ({"proxy": f"socks5://{PLANTED}@x"}, "proxy is not the URL of an HTTP proxy, write"),
        ({"tls": {}}, "a certificate to present, a ca to trust"),
        ({"tls": {"ca": "/nowhere/ca.pem"}}, "ca: the file cannot be read: No such file"),
        (
            {"oauth2": {"token_url": "http://x/", "client_id": "a", "client_secret": PLANTED}},
            "token_url must begin with https://",
        ),
    ],
)
def test_a_wrong_form_or_credential_says_what_would_be_right_and_no_secret(settings, message):
    with pytest.raises(msgspec.ValidationError, match=message) as raised:
        msgspec.convert(
            {"url": "https://x/"} | settings, KINDS["http"].config, dec_hook=decode_value
        )
    assert PLANTED not in str(raised.value)
