"""A rule in its YAML form. Its features add their own keys."""

from typing import Annotated, Any, Final

import msgspec

from router.alerts import Severity
from router.rules.key_descriptions import about
from router.rules.model import NAME_PATTERN, Mode, NumberForm
from router.rules.schedules.duty import NamesText
from router.rules.state.features import FEATURES


class RecipientText(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename={"from_": "from"},
):
    """A destination that is on duty at some times, that is looked up in a table, or both."""

    to: Annotated[str | None, about("The name of a destination.")] = None
    from_: Annotated[
        str | None,
        about("The column: `tables.TABLE[…].COLUMN`, or a `let` name for a part of that."),
    ] = None
    otherwise: Annotated[
        str | None, about("The destination if the table has no row or an empty cell.")
    ] = None
    during: Annotated[
        NamesText | None, about("Names of schedules: on duty while one of them is on.")
    ] = None
    outside: Annotated[
        NamesText | None, about("Names of schedules: on duty while none of them is on.")
    ] = None

    def __post_init__(self) -> None:
        if self.to is not None and (self.from_ is not None or self.otherwise is not None):
            raise ValueError("to names the destination: remove it, or from and otherwise")
        if self.to is None and self.from_ is None:
            raise ValueError("a destination needs to, or from and otherwise")
        if self.to is None and self.otherwise is None:
            raise ValueError("otherwise is needed: the destination if the table has none")
        if self.to is not None and self.during is None and self.outside is None:
            raise ValueError(f"to needs during or outside: write [{self.to[:60]}] for all times")


class SeverityText(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename={"from_": "from"},
):
    """A severity that an expression selects."""

    from_: Annotated[str, about("An expression in CEL that is `info`, `warning` or `critical`.")]
    otherwise: Annotated[Severity, about("The severity if it has no such value.")]


_SEVERITY_FORMS: Final = {"anyOf": [{"enum": list(map(str, Severity))}, {"pattern": r"\{\{"}]}
"""The texts that are a severity: a word, or an expression in ``{{ }}``."""


class RuleKeys(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A rule in its YAML form, without the keys of features."""

    name: Annotated[str, about("Unique: letters a-z, digits and hyphens.", pattern=NAME_PATTERN)]
    description: Annotated[str, about("Shown with each alert, unchanged.")] = ""
    events: Annotated[
        tuple[str, ...],
        about("Event types, exact, or with a `*` at the end for any continuation.", min_length=1),
    ]
    when: Annotated[str | None, about("A condition in CEL over `event` and `data`.")] = None
    match: Annotated[
        dict[str, Any] | None,
        about("A condition as a map of fields and the values they must have."),
    ] = None
    severity: Annotated[
        Annotated[str, msgspec.Meta(extra_json_schema=_SEVERITY_FORMS)] | SeverityText,
        about("`info`, `warning` or `critical`, or `{{ expression }}` in CEL that is one of them."),
    ] = Severity.WARNING
    let: Annotated[
        dict[str, str],
        about("Names for expressions in CEL, for the rule's own conditions and templates."),
    ] = {}
    labels: Annotated[
        dict[str, str],
        about("What routes and silences match: a text, or `{{ expression }}` in CEL."),
    ] = {}
    send_to: Annotated[
        tuple[str | RecipientText, ...],
        about(
            "Names of destinations, with their duty or where to look them up; else routes decide."
        ),
    ] = ()
    fields: Annotated[
        dict[str, str | None],
        about("Facts of its messages by name: an expression in CEL, or null to leave a fact out."),
    ] = {}
    numbers: Annotated[
        NumberForm,
        about("`whole` shows telephone numbers and other parties in the facts of its messages."),
    ] = NumberForm.MASKED
    summary: Annotated[str, about("The alert's first line: a Jinja2 template.")] = ""
    mode: Annotated[Mode, about("`shadow` counts matches and notifies no destination.")] = Mode.LIVE
    mute_times: Annotated[
        tuple[str, ...], about("Names of mute times, in which no destination is notified.")
    ] = ()
    without: Annotated[
        tuple[str, ...],
        about("Defaults of the file that the rule does not have, such as `cooldown`."),
    ] = ()


def _type_of(kind: Any, items_limit: int) -> Any:
    """Return the type of a feature's key: a Struct, or a list of them as well."""
    return kind | tuple[kind, ...] | None if items_limit else kind | None


RuleText: Final[Any] = msgspec.defstruct(
    "RuleText",
    [
        (
            kind.key,
            Annotated[_type_of(kind.written, kind.items_limit), about(kind.purpose)],
            None,
        )
        for kind in FEATURES
        if kind.key
    ],
    bases=(RuleKeys,),
    module=__name__,
    namespace={"__doc__": "A rule in its YAML form."},
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
)
"""A rule in its YAML form: ``RuleKeys``, with a key for each feature."""

_EXCLUSIVE: Final = {
    key for kind in FEATURES if kind.excludes for key in (kind.key, *kind.excludes)
}
"""Features of which a rule has one, because they say what it is about."""
_OWN_KEYS: Final = {"name", "events", "when", "match", "without", *_EXCLUSIVE}

DefaultsText: Final[Any] = msgspec.defstruct(
    "DefaultsText",
    [
        (field.name, field.type, field.default)
        if field.default is not msgspec.NODEFAULT
        else (field.name, field.type, msgspec.field(default_factory=field.default_factory))
        for field in msgspec.structs.fields(RuleText)
        if field.name not in _OWN_KEYS
    ],
    module=__name__,
    namespace={"__doc__": "Keys that each rule of the file has unless it names them itself."},
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
)
"""The keys of a rule that do not say what it is about, for ``defaults``."""
