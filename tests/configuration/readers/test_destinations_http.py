"""Entries of the kind ``http``: positions, warnings and secrets."""

import pytest
from support.documents import parse_entry

from router.configuration.readers.destinations import read_destination
from router.configuration.variables import MissingVariable
from router.errors import Level

BASE64 = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ENVIRON = {"KEY": BASE64, "PREFIXED": f"whsec_{BASE64}"}


def diagnostics(keys: str, missing: MissingVariable = MissingVariable.ERROR) -> list[str]:
    document, entry = parse_entry(f"noc: {{http: {{url: 'https://x/', {keys}}}}}\n")
    read_destination(document, entry, ENVIRON, missing)
    found = list(document.diagnostics())
    assert BASE64 not in repr(found)
    return [
        f"{each.level} {each.line}:{each.column}: {each.message} ({each.hint})" for each in found
    ]


@pytest.mark.parametrize(
    ("keys", "column"),
    [
        (f"signing_secret: {BASE64}", 49),
        ("signing_secret: '${KEY}'", 49),
        (f"signing_secrets: [whsec_{BASE64}, {BASE64}]", 50),
        (f"signing_secret: {BASE64}ab=", 49),
        ("signing_secret: C2FVsBQIhrscChlQIMV+b5sSYspob7oD", 49),
    ],
)
def test_a_secret_that_looks_like_base64_without_its_prefix_is_asked_about(
    keys: str, column: int
) -> None:
    """Case D21: base64 without ``whsec_``."""
    (found,) = diagnostics(keys)
    key = keys.partition(":")[0]
    assert found.startswith(f"{Level.WARNING} 1:{column}: {key} looks like base64, and without")
    assert found.endswith(
        "(write whsec_ before it if receivers decode it, or text: if the text is the key)"
    )


@pytest.mark.parametrize(
    "secret",
    [
        f"whsec_{BASE64}",
        f"text:{BASE64}",
        "${PREFIXED}",
        "whsec_${KEY}",
        "text:${KEY}",
        "just words",
        "correct-horse-battery-Staple-9",
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "CamelCaseWordsWithoutDigits",
        "Sh0rtPassw0rd",
        "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw!",
    ],
)
def test_a_secret_that_says_what_it_is_is_not_asked_about(secret: str) -> None:
    """Case D21."""
    assert diagnostics(f"signing_secret: '{secret}'") == []


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("success: {when: 'body.ok ='}", "error 1:49: when: "),
        ("success: {status: 200}", "error 1:51: status: expected a list, found "),
        ("success: {status: [2oo]}", "error 1:51: status: '2oo' is no status, write for example"),
        ("success: {}", "error 1:42: success needs status, when or text"),
        ("retry_on: [404, 5xxx]", "error 1:43: retry_on: '5xxx' is no status"),
    ],
)
def test_a_wrong_reply_has_a_position_and_what_would_be_right(keys: str, expected: str) -> None:
    """Cases D14 and D25."""
    (found,) = diagnostics(keys)
    assert found.startswith(expected)


def test_statuses_and_classes_are_written_as_they_are() -> None:
    """Case D25."""
    assert diagnostics("retry_on: [404, 423, 3xx, '409'], success: {status: [200, 2xx]}") == []
