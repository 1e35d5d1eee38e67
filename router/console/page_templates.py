"""The templates of the pages: one Jinja2 environment, which escapes every value for HTML.

A value that a template does not know is an error and not an empty place (``StrictUndefined``).
Control and bidirectional characters of any text are shown as escapes (``page_filters.printable``),
because most texts come from senders.
"""

import functools
from typing import Any, Final

import jinja2

from router import quantities
from router.console import event_words, page_filters
from router.console.sparklines import sparkline

_FILTERS: Final = {
    "ago": page_filters.ago,
    "clock_time": page_filters.clock_time,
    "counted": quantities.counted,
    "duration": quantities.duration,
    "exact_time": page_filters.exact_time,
    "machine_time": page_filters.machine_time,
    "number": quantities.number,
    "one_line": page_filters.one_line,
    "part_values": event_words.part_values,
    "pretty_json": page_filters.pretty_json,
    "segment": page_filters.segment,
    "short_id": page_filters.short_id,
    "short_type": event_words.short_type,
    "size": quantities.size,
    "sparkline": lambda values, width, height, top: sparkline(
        values, width=width, height=height, top=top
    ),
    "verbatim": page_filters.verbatim,
}


@functools.cache
def environment() -> jinja2.Environment:
    """Return the environment of all pages; the first call creates it."""
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("router.console"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        finalize=page_filters.printable,
    )
    made.filters.update(_FILTERS)
    return made


def render_template(name: str, values: dict[str, Any]) -> str:
    """Return the HTML of a template.

    Args:
        name: File name in ``templates/``.
        values: The values that the template uses.
    """
    return environment().get_template(name).render(values)


def render_part(name: str, macro: str, values: dict[str, Any], *arguments: Any) -> str:
    """Return the HTML of one macro of a template, for a part of a page that changes while it is open.

    Args:
        name: File name in ``templates/``.
        macro: Name of the macro.
        values: The values that the template uses besides the arguments.
        arguments: Those of the macro.
    """
    module = environment().get_template(name).make_module(values)
    return str(getattr(module, macro)(*arguments))
