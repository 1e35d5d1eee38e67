"""The YAML of ``absent``."""

import re
from typing import Annotated, Final

import msgspec

from router.datatypes import Duration
from router.rules.key_descriptions import about
from router.rules.state.feature import ByText, check_span

TABLES: Final = "tables."
_TABLE: Final = re.compile(r"tables\.[A-Za-z_][A-Za-z0-9_]*")


class AbsentText(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Notify when an event of the rule came and another one did not."""

    event: Annotated[str, about("The type of the other event; a `*` may stand at its end.")]
    when: Annotated[str | None, about("A condition in CEL on the other event.")] = None
    for_: Annotated[Duration, about("How long the other event has time to arrive.")] = (
        msgspec.field(name="for")
    )
    by: ByText = ()
    expected: Annotated[
        str,
        about(
            "A table, such as `tables.hosts`: its keys are awaited even if none of their events came."
        ),
    ] = ""

    def __post_init__(self) -> None:
        if self.expected and not _TABLE.fullmatch(self.expected):
            name = self.expected if self.expected.isidentifier() else "NAME"
            raise ValueError(f'expected is "{self.expected}", write a table as tables.{name}')
        check_span("for", self.for_)
