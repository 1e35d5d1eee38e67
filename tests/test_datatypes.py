"""Rates as written in the rules folder, and secrets."""

from pathlib import Path

import pytest

from router.configuration.json_schema import json_schema
from router.configuration.load import load
from router.datatypes import Duration, Rate, Secret
from router.errors import RulesError

FOLDER = """
destinations:
  mail:
    http: {{url: "https://example.com/", rate: {rate}}}
rules: []
"""


def rate_of(folder: Path, text: str) -> Rate | None:
    (folder / "rules.yaml").write_text(FOLDER.format(rate=text))
    (destination,) = load(folder, {"RATE": "7/m"}).destinations
    assert destination.config is not None
    return destination.config.rate


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("5/s", Rate(limit=5, per=Duration(1))),
        ('"100/m"', Rate(limit=100, per=Duration(60))),
        ("20/10s", Rate(limit=20, per=Duration(10))),
        ('"${RATE}"', Rate(limit=7, per=Duration(60))),
        ("{limit: 5, per: 1s}", Rate(limit=5, per=Duration(1))),
        ("{limit: 5, per: 1s, burst: 3}", Rate(limit=5, per=Duration(1), burst=3)),
        ("null", None),
    ],
)
def test_a_rate_can_be_written_in_two_ways(tmp_path: Path, text: str, rate: Rate | None) -> None:
    assert rate_of(tmp_path, text) == rate


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("5", "rate: '5' is not a rate, write for example 5/s, 100/m or 20/10s"),
        ("fast", "rate: 'fast' is not a rate"),
        ("5/parsec", "'1parsec' is not a duration"),
        ("0/s", "limit and burst must be at least 1; without a limit, write rate: null"),
        ("5/0s", "per must be more than 0"),
        ("[5]", "rate: expected a map of keys and values, found a list"),
        ("{limit: 5}", 'rate needs "per"'),
    ],
)
def test_other_texts_are_rejected(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(RulesError) as raised:
        rate_of(tmp_path, text)
    (diagnostic,) = raised.value.diagnostics
    assert message in diagnostic.message
    assert diagnostic.line == 4


def test_the_schema_has_both_ways() -> None:
    kinds = json_schema()["$defs"]
    spellings = kinds["HttpConfig"]["properties"]["rate"]["anyOf"]
    assert {spelling.get("type", "$ref") for spelling in spellings} == {"string", "null", "$ref"}
    assert kinds["SlackConfig"]["properties"]["rate"]["default"] == "1/1s"


@pytest.mark.parametrize(
    ("authorization", "fits"),
    [
        ("Bearer secret", True),
        ("Bearer secre", False),
        ("secret", False),
        ("bearer secret", True),
        ("BEARER secret", True),
        ("bEaReR   secret  ", True),
        ("Bearer\tsecret", True),
        ("Bearersecret", False),
        ("Bearer  secret x", False),
        ("Bearer Bearer secret", False),
        ("Basic secret", False),
        ("Bearer", False),
        ("Bearer ", False),
        ("", False),
        (" ", False),
        ("Bearer \udcf3", False),
    ],
)
def test_a_secret_matches_the_header_that_contains_it(authorization: str, *, fits: bool) -> None:
    """Case I14 (RFC 9110, section 11.1): the scheme has any case, and spaces do not count."""
    assert Secret("secret").matches_bearer(authorization) is fits


@pytest.mark.parametrize(("given", "fits"), [(b"s\xc3\xa9", True), (b"s\xe9", False), (b"", False)])
def test_a_secret_matches_its_own_bytes_only(given: bytes, *, fits: bool) -> None:
    assert Secret("sé").matches(given) is fits


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("10 min", "10m"),
        ("10minutes", "10m"),
        ("5 Minutes", "5m"),
        ("10M", "10m"),
        ("1h 30m", "1h30m"),
        ("1 hour and 30 minutes", "1h30m"),
        ("1h, 30m", "1h30m"),
        ("90sec", "90s"),
        ("500 msec", "500ms"),
        ("2 hrs", "2h"),
        ("1,5h", "1.5h"),
        ("1w", "7d"),
        ("2 weeks", "14d"),
        ("1d 12 hours", "1d12h"),
        ("PT10M", "10m"),
        ("P1DT12H", "1d12h"),
        ("P2W", "14d"),
        ("pt1h30m", "1h30m"),
        ("00:10:00", "10m"),
        ("01:30:05", "1h30m5s"),
        *[(text, "") for text in ("", "p", "PT", "10", "m", "-5m", "five minutes", "1y", "10:00")],
        *[(text, "") for text in ("10 mins later", "1h-30m", "٣m", "1" * 70 + "m", "00:00:00")],
    ],
)
def test_a_duration_in_the_words_of_others_is_understood(text: str, meant: str) -> None:
    assert Duration.meant_by(text) == meant
    if meant:
        with pytest.raises(ValueError, match=f"is not a duration, write {meant}$"):
            Duration.parse(text)
        assert Duration.parse(meant) > 0
