"""Functions for what senders write into their events: JSON in a text, and Prometheus's fingerprint."""

from typing import Any

import pytest

from router.cel import ERROR, limits
from router.cel.foreign import fingerprint, parse_json
from router.cel.values import LookupTable

PUBLISHED = [
    ({}, 14695981039346656037),
    ({"name": "garland, briggs", "fear": "love is not enough"}, 5799056148416392346),
    ({"first-label": "first-label-value"}, 5146282821936882169),
    (
        {"second-label": "second-label-value", "first-label": "first-label-value"},
        3195800080984914717,
    ),
    (
        {
            "first-label": "first-label-value",
            "second-label": "second-label-value",
            "third-label": "third-label-value",
        },
        13843036195897128121,
    ),
]
"""The label sets and fingerprints of prometheus/common, model/signature_test.go."""


@pytest.mark.parametrize(("labels", "digest"), PUBLISHED)
def test_a_fingerprint_is_that_of_prometheus(labels: dict[str, str], digest: int) -> None:
    assert fingerprint(labels) == f"{digest:016x}"


def test_a_label_without_a_value_counts_as_absent() -> None:
    assert fingerprint({"a": "b", "c": ""}) == fingerprint({"a": "b"})


@pytest.mark.parametrize(
    "labels",
    [
        "text",
        None,
        ["a"],
        {"a": 1},
        {"a": "\ud800"},
        {"a": "é" * limits.LABELS_SIZE},
        {"a": "é" * (limits.LABELS_SIZE // 2)},
        {str(number): "a" for number in range(limits.LABELS_SIZE + 1)},
    ],
)
def test_labels_of_other_types_or_sizes_have_no_fingerprint(labels: Any) -> None:
    assert fingerprint(labels) is ERROR


def test_a_row_of_a_table_has_a_fingerprint() -> None:
    assert fingerprint(LookupTable({"a": "b"}, ())) == fingerprint({"a": "b"})


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": [1, 2.5, null, true]}', {"a": [1, 2.5, None, True]}),
        ('"text"', "text"),
        (" 5 ", 5),
        ("[" * limits.PARSED_DEPTH + "]" * limits.PARSED_DEPTH, ...),
        ("[" + ",".join(["{}"] * 1000) + "]", [{}] * 1000),
    ],
)
def test_a_json_text_has_a_value(text: str, value: Any) -> None:
    read = parse_json(text)

    assert read is not ERROR
    assert value is ... or read == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "nonsense",
        5,
        None,
        {"a": 1},
        '"\ud800"',
        '"' + "a" * limits.RESULT_SIZE + '"',
        "[" * (limits.PARSED_DEPTH + 1) + "]" * (limits.PARSED_DEPTH + 1),
        "[" * 30_000 + "]" * 30_000,
    ],
)
def test_what_is_no_json_text_or_too_large_has_none(text: Any) -> None:
    assert parse_json(text) is ERROR
