"""``send_to`` of rules and routes, and items of the section ``routes``."""

import pytest
from support.documents import parse, parse_entry, problems

from router.configuration.readers.route_match import MatchScope
from router.configuration.readers.routes import (
    RecipientReader,
    SendToScope,
    read_route,
)
from router.configuration.readers.tables import Table, read_table
from router.rules.label_matcher import LabelMatcher
from router.rules.routing import Recipient, Route, TableLookup

LOOKUP = "{from: 'tables.customers[data.sid].place', otherwise: noc}"


def customers(rows: str) -> Table:
    _, entry = parse_entry(f"customers: {{rows: {rows}}}\n")
    table = read_table(*parse_entry(f"customers: {{rows: {rows}}}\n"), lambda _: "")
    assert table is not None
    assert entry.key.text == table.name
    return table


def scope(table: Table | None = None, *, is_complete: bool = True) -> SendToScope:
    """The destinations ``noc`` and ``boss`` and one table; unknown unless ``is_complete``."""
    if not is_complete:
        return SendToScope(None, None)
    return SendToScope({"noc", "boss"}, {} if table is None else {"customers": table})


def recipients(text: str, known: SendToScope) -> tuple[tuple[Recipient, ...], list[str]]:
    document, root = parse(text + "\n")
    return RecipientReader(document, known, known.names).read(root), problems(document)


def test_recipients_are_the_names_of_destinations() -> None:
    assert recipients("[noc, boss]", scope()) == (("noc", "boss"), [])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[]", "1:1: send_to is empty, it needs at least one"),
        ("[nok]", '1:2: there is no destination "nok" (did you mean "noc"?)'),
        ("[noc, noc]", '1:7: send_to names "noc" twice'),
        (f"[{', '.join(['noc'] * 101)}]", "1:1: send_to has 101 items, at most 100"),
    ],
)
def test_wrong_recipients_are_reported(text: str, expected: str) -> None:
    _, (reported,) = recipients(text, scope())
    assert reported == expected


def test_a_name_is_not_checked_while_destinations_are_unknown() -> None:
    assert recipients("[nok]", scope(is_complete=False)) == (("nok",), [])


@pytest.mark.parametrize(
    ("event_sid", "destination"), [("AC1", "boss"), ("AC2", "noc"), ("AC3", "noc")]
)
def test_a_lookup_returns_the_destination_of_a_row(event_sid: str, destination: str) -> None:
    table = customers("{AC1: {place: boss}, AC2: {place: ''}}")
    (lookup,), reported = recipients(f"[{LOOKUP}]", scope(table))
    assert reported == []
    assert isinstance(lookup, TableLookup)
    assert lookup.destination({"data": {"sid": event_sid}}) == destination


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{from: data.place, otherwise: noc}", "1:9: from: expected a column of a table"),
        (
            "{from: 'tables.custmers[data.x].place', otherwise: noc}",
            '1:9: there is no table "custmers" (did you mean "customers"?)',
        ),
        (
            "{from: 'tables.customers[data.x].plac', otherwise: noc}",
            '1:9: the table "customers" has no column "plac" (did you mean "place"?)',
        ),
        (LOOKUP.replace("otherwise: noc", "otherwise: nok"), 'there is no destination "nok"'),
        ("{from: 'tables.', otherwise: noc}", "1:"),
    ],
)
def test_a_wrong_lookup_is_reported(text: str, expected: str) -> None:
    _, (reported,) = recipients(f"[{text}]", scope(customers("{AC1: {place: boss}}")))
    assert expected in reported


def test_a_row_that_names_no_destination_is_reported_in_its_table() -> None:
    table = customers("{AC1: {place: bos}, AC2: {place: 5}}")
    _, reported = recipients(f"[{LOOKUP}]", scope(table))
    assert reported == []
    assert [each.split(": ", 1)[1] for each in problems(table.document)] == [
        'place: there is no destination "bos" (did you mean "boss"?)',
        'place: there is no destination "5" (there are: boss, noc)',
    ]


def test_a_row_with_a_list_is_reported_in_its_table() -> None:
    table = customers("{AC1: {place: [boss]}}")
    recipients(f"[{LOOKUP}]", scope(table))

    assert "there is no destination" in problems(table.document)[0]


def route(
    text: str, *, labels: set[str] | None = frozenset({"team"}), rules: set[str] | None = None
) -> tuple[Route | None, list[str]]:
    document, root = parse(text + "\n")
    read = read_route(document, root, scope(), MatchScope(labels, rules), 3)
    return read, problems(document)


def test_a_route_has_its_number_match_and_recipients() -> None:
    read, reported = route("{match: {team: [a, b], severity: critical}, send_to: [noc]}")
    assert reported == []
    assert read is not None
    assert (read.number, read.recipients) == (3, ("noc",))
    assert read.match == {
        "team": LabelMatcher(frozenset({"a", "b"})),
        "severity": LabelMatcher(frozenset({"critical"})),
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{}", '1:1: this route needs "send_to"'),
        ("noc", '1:1: this route: expected a map of keys and values, found "noc"'),
        ("{send_to: [noc], continu: true}", 'unknown key "continu" in this route (did you mean'),
    ],
)
def test_a_wrong_route_is_reported(text: str, expected: str) -> None:
    read, (reported,) = route(text)
    assert read is None
    assert expected in reported
