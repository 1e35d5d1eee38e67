"""Read ``send_to`` of rules and routes, and items of the section ``routes``."""

from collections.abc import Collection, Iterator, Mapping
from typing import Annotated, Any, Final

import msgspec

from router.cel import Constant, Names, compile_expression
from router.configuration.convert import Converter
from router.configuration.readers.folded_comments import report_folded_comment
from router.configuration.readers.route_match import MatchScope, read_match
from router.configuration.readers.schedules import Schedules
from router.configuration.readers.table_columns import TABLES, table_column
from router.configuration.readers.tables import Table
from router.configuration.readers.type_check import report_expression
from router.configuration.variables import NoVariables, escaped_offset, unescape
from router.configuration.yaml.document import ListNode, MapNode, Node, Scalar, YamlDocument
from router.errors import ConditionError
from router.rules.label_matcher import MatcherText
from router.rules.routing import (
    Recipient,
    Route,
    ScheduledRecipient,
    TableLookup,
)
from router.rules.rule_text import RecipientText
from router.suggestions import suggestion

SEND_TO_LIMIT: Final = 100
"""Items of one ``send_to``."""
ANY_EVENT: Final = ("*",)
"""The event types of expressions that are evaluated for every event."""


def _about(text: str, **more: Any) -> msgspec.Meta:
    return msgspec.Meta(description=text, **more)


class RouteText(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename={"goes_on": "continue"},
):
    """Alerts with these labels go to these destinations; the first route that matches decides."""

    match: Annotated[
        dict[str, str | tuple[str, ...] | MatcherText],
        _about("Labels, `severity` or `rule`, each with the values that match, or with tests."),
    ] = {}
    send_to: Annotated[
        tuple[str | RecipientText, ...],
        _about("Names of destinations, with their duty or where to look them up."),
    ]
    goes_on: Annotated[bool, _about("Whether the routes below apply as well.")] = False


class SendToScope(msgspec.Struct, frozen=True):
    """The names that ``send_to`` can refer to; None if an invalid file may define others."""

    destinations: Collection[str] | None
    tables: Mapping[str, Table | None] | None
    """The tables by name; None for a table with errors."""
    schedules: Schedules = Schedules()

    @property
    def names(self) -> Names:
        """The tables as a constant for conditions; empty if no table is defined."""
        tables = {name: table.rows if table else {} for name, table in (self.tables or {}).items()}
        return {TABLES: Constant(tables)} if tables or self.tables is None else {}


class RecipientReader:
    """Reads ``send_to`` of one rule or route.

    Args:
        document: The document, to which problems are reported.
        scope: The destinations and tables.
        names: The names that the expressions may use.
        events: The event types of the alerts, for the type check.
    """

    def __init__(
        self,
        document: YamlDocument,
        scope: SendToScope,
        names: Names,
        events: tuple[str, ...] = ANY_EVENT,
    ) -> None:
        self._document = document
        self._scope = scope
        self._names = names
        self._events = events

    def read(self, node: Node | None) -> tuple[Recipient, ...]:
        """Return the valid recipients; report the others."""
        if not isinstance(node, ListNode):
            return ()
        if not node.items:
            self._document.report(node.span, "send_to is empty, it needs at least one")
        if len(node.items) > SEND_TO_LIMIT:
            message = f"send_to has {len(node.items)} items, at most {SEND_TO_LIMIT}"
            self._document.report(node.span, message)
            return ()
        return tuple(self._each(node))

    def _each(self, node: ListNode) -> Iterator[Recipient]:
        seen: set[str] = set()
        for item in node.items:
            if isinstance(item, MapNode):
                recipient = self._recipient(item)
                if recipient is not None:
                    yield recipient
            elif isinstance(item, Scalar):
                if item.text in seen:
                    self._document.report(item.span, f'send_to names "{item.text}" twice')
                else:
                    self._check(item)
                seen.add(item.text)
                yield item.text

    def _check(self, name: Scalar) -> None:
        known = self._scope.destinations
        if known is not None and name.text not in known:
            message = f'there is no destination "{name.text}"'
            self._document.report(name.span, message, suggestion(name.text, known))

    def _recipient(self, node: MapNode) -> Recipient | None:
        name = node.get("to")
        to: str | TableLookup | None
        if isinstance(name, Scalar):
            self._check(name)
            to = name.text
        else:
            to = self._lookup(node)
        duty = self._scope.schedules.duty(self._document, node)
        return ScheduledRecipient(to, duty) if to is not None and duty is not None else to

    def _lookup(self, node: MapNode) -> TableLookup | None:
        source, otherwise = node.get("from"), node.get("otherwise")
        if not isinstance(source, Scalar) or not isinstance(otherwise, Scalar):
            return None  # the converter reports it
        self._check(otherwise)
        if report_folded_comment(self._document, source):
            return None
        try:
            expression = compile_expression(unescape(source.text), self._names)
        except ConditionError as error:
            offset = escaped_offset(source.text, error.offset)
            span = self._document.part_span(source, offset, error.length)
            self._document.report(span, error.message, error.hint)
            return None
        column = table_column(expression.tree)
        if column is None:
            message = "from: expected a column of a table"
            hint = "write for example tables.customers[data.account_sid].destination"
            self._document.report(source.span, message, hint)
            return None
        known = self._values(source, *column)
        if known is None:
            return None
        report_expression(self._document, source, expression, self._events)
        return TableLookup(expression, known, otherwise.text)

    def _values(self, source: Scalar, name: str, column: str) -> frozenset[str] | None:
        """Return the destinations that a column names; report values that are none."""
        if self._scope.tables is None:
            return frozenset()
        if name not in self._scope.tables:
            message = f'there is no table "{name}"'
            self._document.report(source.span, message, suggestion(name, self._scope.tables))
            return None
        table = self._scope.tables[name]
        if table is None:
            return frozenset()
        if column not in table.columns:
            message = f'the table "{name}" has no column "{column}"'
            self._document.report(source.span, message, suggestion(column, table.columns))
            return None
        values: dict[str, None] = {}
        for key, row in table.rows.items():
            value = row.get(column)
            if value is None or value == "":
                continue
            if not isinstance(value, str) or self._is_unknown(value):
                message = f'{column}: there is no destination "{value}"'
                hint = suggestion(str(value), self._scope.destinations or ())
                table.document.report(table.spans.get(key), message, hint)
            values[str(value)] = None
        return frozenset(values)

    def _is_unknown(self, name: str) -> bool:
        return self._scope.destinations is not None and name not in self._scope.destinations


def read_route(
    document: YamlDocument, node: Node, scope: SendToScope, match_scope: MatchScope, number: int
) -> Route | None:
    """Return a route; None after reporting its problems to ``document``."""
    before = len(document.errors)
    text = Converter(document, NoVariables()).convert(node, RouteText, "this route")
    if not isinstance(node, MapNode):
        return None
    match = read_match(document, node.get("match"), match_scope)
    recipients = RecipientReader(document, scope, scope.names).read(node.get("send_to"))
    if not isinstance(text, RouteText) or len(document.errors) > before:
        return None
    return Route(number=number, match=match, recipients=recipients, goes_on=text.goes_on)
