"""Masked fields of events."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.events.masks import MASK, Masks

EVENT = {"specversion": "1.0", "id": "1", "source": "/s", "type": "t"}
JSON = "application/json"


def packed(content: bytes) -> str:
    return base64.b64encode(content).decode()


@pytest.mark.parametrize(
    ("paths", "event", "masked"),
    [
        (["data.from"], {"data": {"from": "+1", "n": 1}}, {"data": {"from": MASK, "n": 1}}),
        (["data.from"], {"data": {"from": None}}, {"data": {"from": MASK}}),
        (["data.from"], {"data": {"from": {"a": [1]}}}, {"data": {"from": MASK}}),
        (["data.from", "data.to"], {"data": {"from": 1, "to": 2}}, {"data": {"from": MASK, "to": MASK}}),
        (["data"], {"data": {"from": 1}}, {"data": MASK}),
        (["subject"], {"subject": "+1"}, {"subject": MASK}),
        (["data.a.from"], {"data": {"a": [{"from": 1}, 2]}}, {"data": {"a": [{"from": MASK}, 2]}}),
        (["data.a[*].from"], {"data": {"a": [{"from": 1}]}}, {"data": {"a": [{"from": MASK}]}}),
        (["data.a[*]"], {"data": {"a": [1, [2]]}}, {"data": {"a": [MASK, MASK]}}),
        (["data.*.phone"], {"data": {"x": {"phone": 1}, "y": {}}}, {"data": {"x": {"phone": MASK}, "y": {}}}),
        (['data["a.b"]'], {"data": {"a.b": 1}}, {"data": {"a.b": MASK}}),
        (['data["ä"]'], {"data": {"ä": 1}}, {"data": {"ä": MASK}}),
        # JSON in a text, as Twilio's older events have it
        (["data.from"], {"data": '{"from":"+1","n":1}'}, {"data": '{"from":"***","n":1}'}),
        (["data.p.from"], {"data": {"p": ' [{"from":1}]'}}, {"data": {"p": '[{"from":"***"}]'}}),
        # a text that is no JSON
        (["data.from"], {"data": '{"from": "+1'}, {"data": MASK}),
        (["data.from"], {"data": "From=%2B1&To=%2B2"}, {"data": MASK}),
        (["data.*"], {"data": "+1"}, {"data": MASK}),
        # data_base64
        (
            ["data.from"],
            {"datacontenttype": JSON, "data_base64": packed(b'{"from": 1, "n": 2}')},
            {"datacontenttype": JSON, "data_base64": packed(b'{"from":"***","n":2}')},
        ),
        (
            ["data.from"],
            {"datacontenttype": f"{JSON}; charset=utf-16", "data_base64": packed('{"from":1}'.encode("utf-16"))},
            {"datacontenttype": f"{JSON}; charset=utf-16", "data_base64": MASK},
        ),
        (
            ["data.from"],
            {"datacontenttype": "text/plain", "data_base64": packed(b"from +1")},
            {"datacontenttype": "text/plain", "data_base64": MASK},
        ),
        (["data.from"], {"data_base64": packed(b"\x00\x01")}, {"data_base64": MASK}),
        (["data.from"], {"data_base64": "no base64!"}, {"data_base64": MASK}),
        (["data"], {"datacontenttype": JSON, "data_base64": packed(b"{}")}, {"datacontenttype": JSON, "data_base64": MASK}),
    ],
)  # fmt: skip
def test_the_values_of_masked_fields_are_replaced(paths, event, masked):
    masks = Masks.parse(paths)
    whole = EVENT | event
    before = json.dumps(whole)
    assert masks.applied(whole) == EVENT | masked
    assert json.dumps(whole) == before
    for body in (before, json.dumps(whole, ensure_ascii=False), json.dumps([whole])):
        text, is_masked = masks.applied_to(body.encode())
        assert is_masked
        assert json.loads(text) in (EVENT | masked, [EVENT | masked])


@pytest.mark.parametrize(
    ("paths", "event"),
    [
        ([], {"data": {"from": 1}}),
        (["data.from"], {"data": {"From": 1, "x": {"from": 1}}}),
        (["data.from"], {"data": [[{"from": 1}]]}),
        (["data.from"], {"data": "a greeting"}),
        (["data.from"], {"data": 5}),
        (["data.from"], {}),
        (["data.from"], {"data_base64": None, "subject": "from"}),
        (
            ["data.from"],
            {"datacontenttype": "text/plain", "data_base64": packed(b"a greeting")},
        ),
    ],
)
def test_an_event_without_the_fields_stays_as_it_is(paths, event):
    masks = Masks.parse(paths)
    whole = EVENT | event
    assert masks.applied(whole) is whole
    body = json.dumps(whole).encode()
    assert masks.applied_to(body) == (body, False)


@pytest.mark.parametrize(
    ("body", "masked"),
    [
        (b'{"data":{"from":1,"x":1e999,"y":1.00}}', b'{"data":{"from":"***","x":1e999,"y":1.00}}'),
        (b'{"data":{"\\u0066rom":1}}', b'{"data":{"from":"***"}}'),
        (b'\xef\xbb\xbf{"data":{"from":1}}', b'{"data":{"from":"***"}}'),
        (b'{"data":{"from":1,"a\\ud800":"\\ud800"}}', '{"data":{"from":"***","a\ufffd":"\\ufffd"}}'.encode()),
        (b'{"data":{"from":"+1', b'"***"'),
        (b'"from +1"', b'"***"'),
        (b'x {"from":1}', b'"***"'),
        ('{"data":{"from":1}}'.encode("utf-16"), b'"***"'),
        (b'{"data":' + b"[" * 5000 + b'"from"', b'"***"'),
    ],
)  # fmt: skip
def test_bytes_stay_but_for_the_masked_values_and_what_is_no_json_is_masked_as_a_whole(
    body, masked
):
    assert Masks.parse(["data.from"]).applied_to(body) == (masked, True)


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.sampled_from(["c4nary"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "from", "ä", "b"]), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(_VALUES, st.sampled_from(["a.from", "from", "*.from", "b[*].a"]))
def test_a_body_is_masked_as_its_document_is(data, path):
    """JSON in a text is masked as the value that it contains."""
    masks = Masks.parse([f"data.{path}"])
    whole = EVENT | {"data": data}
    text, is_masked = masks.applied_to(json.dumps(whole).encode())
    assert json.loads(text) == masks.applied(whole)
    assert is_masked is (masks.applied(whole) is not whole)
    nested = EVENT | {"type": "com.twilio.x", "datacontenttype": JSON, "data": json.dumps(data)}
    if isinstance(data, dict | list):
        inner = masks.applied(nested)["data"]
        assert json.loads(inner) == masks.applied(EVENT | {"data": data})["data"]


@given(st.binary(max_size=60))
def test_no_bytes_make_masks_fail(body):
    Masks.parse(["data.from", "data.*", "subject"]).applied_to(body + b'"from"')
