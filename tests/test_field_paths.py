"""Paths to fields of events, as settings write them."""

import pytest

from router.field_paths import Each, FieldPaths, path_text

EXAMPLE = "write for example data.from, data.participants[*].from or subject"


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ("data", [("data",)]),
        ("subject, traceparent", [("subject",), ("traceparent",)]),
        ("data.from,data.to", [("data", "from"), ("data", "to")]),
        ("data.from,data.from", [("data", "from")]),
        (
            "data.participants[*].call-sid",
            [("data", "participants", Each.MEMBER, "call-sid")],
        ),
        ("data.*.phone", [("data", Each.MEMBER, "phone")]),
        ("data[*]", [("data", Each.MEMBER)]),
        ('data["caller.number"].x', [("data", "caller.number", "x")]),
        ('data["a\\"b"]', [("data", 'a"b')]),
    ],
)
def test_paths_are_read_step_by_step(text, paths):
    assert list(FieldPaths.parse(text)) == paths
    assert list(FieldPaths.parse(", ".join(map(path_text, paths)))) == paths


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", f"has an empty path, {EXAMPLE}"),
        ("data.from,", f"has an empty path, {EXAMPLE}"),
        (".from", f"has '.from', which begins with no attribute, {EXAMPLE}"),
        ("data.", f"has 'data.', which is wrong at '.', {EXAMPLE}"),
        ("data from", f"has 'data from', which is wrong at ' from', {EXAMPLE}"),
        ("data.a[0]", f"has 'data.a[0]', which is wrong at '[0]', {EXAMPLE}"),
        ('data["a', f"has 'data[\"a', which is wrong at '[\"a', {EXAMPLE}"),
        ('data["\\q"]', "has 'data[\"\\\\q\"]', of which a name in quotes is no JSON string"),
        ("event.data.from", "has 'event.data.from', write data.from"),
        ("message.subject", "has 'message.subject', write subject"),
        ("data_base64", "has 'data_base64', write data: it stands for data_base64, too"),
        ("id", "has 'id', by which an event is known; name fields of data, or subject"),
        ("phone.number", "has 'phone.number', but only data has fields, write data.phone.number"),
        ("From", "has 'From', which is no attribute of a CloudEvent, write data.From"),
        ("data." + "a" * 512, f"has a path with more than 512 characters, {EXAMPLE}"),
        (",".join(["data.a"] * 101), "has 101 paths, at most 100"),
    ],
)
def test_a_wrong_path_is_rejected_with_what_to_write(text, problem):
    with pytest.raises(ValueError, match="has ") as caught:
        FieldPaths.parse(text)
    assert str(caught.value) == problem
