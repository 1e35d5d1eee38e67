"""From a request to the attributes of an event: names, defaults, forms of values, and reasons."""

from typing import Any

import msgspec
import pytest
from support.preset_mapping import LIMITS
from support.requests_of_senders import head_of

from router.cel import compile_condition, compile_expression
from router.errors import EventsTooLargeError
from router.events.model import Event, Malformed, key_of
from router.events.schemas import TEST_EVENT
from router.sources.mapping import NAMES, SourceMapping, UnmappableError
from router.sources.spec import EventMapping, Reply, SourceSpec

BODY = {"kind": "order", "n": 7, "yes": True, "empty": "", "nothing": None, "list": [1]}
HEADERS = {"X-Kind": "from-header", "X-Old": "Tue, 24 Nov 2026 18:00:00 +0000"}
QUERY = "q=1&q=2&one=3"


def mapping_of(**keys: Any) -> SourceMapping:
    event = {name: compile_expression(text, NAMES) for name, text in keys.pop("event", {}).items()}
    split = keys.pop("split", None)
    skip = keys.pop("skip", None)
    spec = SourceSpec(
        name="crm",
        path="/in/crm",
        event=EventMapping(**event),
        split=None if split is None else compile_expression(split, NAMES),
        skip=None if skip is None else compile_condition(skip, NAMES),
        **keys,
    )
    return SourceMapping(spec, LIMITS, lambda: "new-id")


def mapped(body: Any = BODY, content_type: str = "application/json", **keys: Any) -> list[Any]:
    """Return the event, the reason or None for each item."""
    mapping = mapping_of(**keys)
    head = head_of(HEADERS, query=QUERY, received_at=1_764_000_000.5)
    content = body if isinstance(body, bytes) else msgspec.json.encode(body)
    opened = mapping.open(head, content, content_type)
    found = []
    for index in range(len(opened.items)):
        match mapping.event(opened, index, head.received_at):
            case Event(body=text):
                found.append(msgspec.json.decode(text))
            case Malformed(reason=reason, path=path):
                found.append((path, reason))
            case None:
                found.append(None)
    return found


def test_without_an_expression_each_attribute_has_its_default():
    assert mapped() == [
        {
            "specversion": "1.0",
            "type": "in.crm",
            "source": "/in/crm",
            "id": "new-id",
            "datacontenttype": "application/json",
            "data": BODY,
        }
    ]


@pytest.mark.parametrize(
    ("attribute", "expression", "value"),
    [
        ("type", 'headers["x-kind"]', "from-header"),
        ("type", 'headers[?"x-none"]', "in.crm"),
        ("type", "body.n", "7"),
        ("type", "item.yes", "true"),
        ("source", 'query.q.join("/") + query.one', "1/23"),
        ("source", "body.?none", "/in/crm"),
        ("id", "body.?none", "new-id"),
        ("id", "7.5", "7.5"),
        ("subject", "body.empty", None),
        ("subject", "body.none", None),
        ("subject", "body.nothing", None),
        ("time", 'headers["x-old"]', "2026-11-24T18:00:00Z"),
        ("time", "1764000000", "2025-11-24T16:00:00Z"),
        ("time", "1764000000000", "2025-11-24T16:00:00Z"),
        ("time", "received_at", "2025-11-24T16:00:00.500Z"),
        ("time", "body.none", None),
        ("time", "body.nothing", None),
        ("data", "form", {}),
        ("data", "query", {"q": ["1", "2"], "one": "3"}),
        ("data", "{'a': body.?none.orValue(1)}", {"a": 1}),
    ],
)
def test_an_attribute_has_the_value_of_its_expression(attribute, expression, value):
    (event,) = mapped(event={attribute: expression})

    assert event.get(attribute) == value


@pytest.mark.parametrize(
    ("attribute", "expression", "reason"),
    [
        ("type", "body.empty", "type: it is empty"),
        ("type", "body.none", "type: no such field: body.none"),
        ("type", 'headers["x-none"]', 'type: no such element in map: headers["x-none"]'),
        ("type", '"x".split("").size() > 0 ? body.long : ""', "type: no such field: body.long"),
        ("id", "body.list", "id: it is no text"),
        ("id", "body.nothing", "id: it is no text"),
        ("source", '"a\\nb"', "source has control characters"),
        ("time", '"yesterday"', 'time: "yesterday" is no time that can be read'),
        ("time", "-1", "time: -1 is no time that can be read"),
        ("data", "body.none", "data: no such field: body.none"),
    ],
)
def test_an_item_without_a_needed_value_has_the_reason(attribute, expression, reason):
    assert mapped(event={attribute: expression}) == [("$", reason)]


def test_attributes_have_limits():
    long = {"t": "x" * 513, "i": "x" * 2049}

    assert mapped(long, event={"type": "body.t"}) == [("$", "type has more than 512 characters")]
    assert mapped(long, event={"id": "body.i"}) == [("$", "id has more than 2048 characters")]


def test_each_item_is_mapped_by_itself():
    body = {"items": [{"k": "a"}, {"k": "skip"}, {}, {"k": "b"}]}

    found = mapped(body, split="body.items", skip='item.k == "skip"', event={"type": "item.k"})

    assert [each and (each[1] if isinstance(each, tuple) else each["data"]) for each in found] == [
        {"k": "a"},
        None,
        "type: no such field: item.k",
        {"k": "b"},
    ]


def test_a_request_that_cannot_be_cut_is_unmappable():
    with pytest.raises(UnmappableError, match="split must be a list: it is map"):
        mapped(split="body")
    with pytest.raises(UnmappableError, match="JSON ends too early"):
        mapped(b"{", split="body")
    with pytest.raises(EventsTooLargeError, match="3 events in one request, at most 2"):
        mapped([1, 2, 3], split="body", events_per_request=2)


def test_a_form_is_an_object_of_texts():
    form = "application/x-www-form-urlencoded"

    (event,) = mapped(b"a=1&b=%C3%BC&a=2", form, event={"type": "form.b", "data": "body"})

    assert (event["type"], event["data"]) == ("ü", {"a": ["1", "2"], "b": "ü"})


def test_json_is_the_data_as_it_was_sent():
    mapping = mapping_of()
    text = b'{"a": 1.0,  "b": 12345678901234567890123}'

    event = mapping.event(mapping.open(head_of({}), text, "application/json"), 0, 0.0)

    assert isinstance(event, Event)
    assert text in event.body


def test_the_first_reply_whose_condition_is_true_answers():
    replies = (
        Reply(when=compile_condition("body.none == 1", NAMES)),
        Reply(
            when=compile_condition('body.kind == "order"', NAMES),
            status=201,
            json={"n": compile_expression("body.n", NAMES)},
        ),
        Reply(when=compile_condition("true", NAMES), text=compile_expression("body.none", NAMES)),
    )
    mapping = mapping_of(replies=replies)

    answer = mapping.reply(mapping.open(head_of({}), msgspec.json.encode(BODY), "application/json"))
    assert (answer.status, answer.content) == (201, b'{"n":7}')
    with pytest.raises(UnmappableError, match="the reply's text has no value"):
        mapping.reply(mapping.open(head_of({}), b"{}", "application/json"))


@pytest.mark.parametrize("event_type", ["com.example.order", TEST_EVENT])
def test_the_key_of_an_event_is_that_under_which_history_and_quarantine_find_it(event_type):
    """The key of Twilio's test event has its test id, by whichever way the event comes."""
    mapping = mapping_of(event={"type": f'"{event_type}"', "id": "item.id"})
    body = msgspec.json.encode({"id": "AC1", "test_id": "EW1"})
    event = mapping.event(mapping.open(head_of({}), body, "application/json"), 0, 1.0)

    assert event.key == key_of(event.type, event.source, event.id, event.body)
    assert event.key == "\x00".join(
        ["/in/crm", "AC1", *(["EW1"] if event_type == TEST_EVENT else [])]
    )
