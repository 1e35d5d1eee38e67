"""The parts of Jinja2 that this package relies on and that Jinja2 does not promise to keep.

No other module relies on them. They were read in Jinja2 3.1.6, and pyproject.toml caps Jinja2 below
3.2. The first two are not documented. The third is documented as fragile, in the section "Low Level
API" of the page "API". ``templates`` uses nothing else that is not in the pages "API", "Sandbox"
and "Extensions".

| name | use | if it is missing |
|---|---|---|
| ``Environment.getattr`` | overridden: ``data.items`` is the field, never a method | own lookup |
| ``Environment.getitem`` | overridden: an error names the missing field | own lookup |
| ``Template.root_render_func`` | renders a fifth faster, with fewer copies | ``generate`` |

The override is a no-op if Jinja2 looks fields up by another name: its own lookup is used then, and
templates still render. Two things are lost: a field that is named like a method of ``dict`` has to
be written ``data["items"]``, and an error about a missing field has Jinja2's wording. ``warn_once``
says so at start.
"""

import functools
import logging
from collections.abc import Iterable
from typing import Any, Final

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

logger = logging.getLogger(__name__)

READ_IN: Final = "3.1.6"

_TEST: Final = "{{ d.items }} {{ d['get'] }} {% for x in d.items %}{{ loop.index }}{% endfor %}"
_TEST_DATA: Final = {"d": {"items": [7], "get": 8}}
_TEST_RESULT: Final = "[7] 8 1"


class FieldLookup(ImmutableSandboxedEnvironment):
    """A sandbox in which ``a.b`` and ``a["b"]`` are the same lookup of a field."""

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Return a field of ``obj``. Only the ``loop`` of a ``for`` has attributes."""
        # Recognised by a documented attribute, because its class is not documented.
        if type(obj) is not dict and hasattr(type(obj), "revindex0"):
            return super().getattr(obj, attribute)
        return self.getitem(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """Return a field or an element of ``obj``, or an undefined value that names it."""
        try:
            return obj[argument]
        except (LookupError, TypeError):
            return self.undefined(f"there is no {argument!r}")


class Renderer:
    """A compiled template, without Jinja2's globals: there are none, and adding them takes time.

    Both methods raise what the template's expressions raise.
    """

    def __init__(self, template: jinja2.Template) -> None:
        self._template = template
        self._render = getattr(template, "root_render_func", None)

    def pieces(self, variables: dict[str, Any]) -> Iterable[str]:
        """Render, piece by piece."""
        if self._render is None:
            return self._template.generate(variables)
        pieces: Iterable[str] = self._render(self._template.new_context(variables, shared=True))
        return pieces

    def assigned(self, name: str, variables: dict[str, Any]) -> Any:
        """Render, and return what the template assigned to ``name``."""
        if self._render is None:
            return getattr(self._template.make_module(variables, shared=True), name)
        context = self._template.new_context(variables, shared=True)
        for _ in self._render(context):
            pass
        return context.vars[name]


def problems() -> list[str]:
    """Return what the installed Jinja2 lacks, a sentence each; empty if it has everything."""
    missing = [
        f"jinja2.Environment.{name} is missing"
        for name in ("getattr", "getitem")
        if not hasattr(jinja2.Environment, name)
    ]
    if missing:
        return missing
    try:
        template = FieldLookup().from_string(_TEST)
        text = template.render(_TEST_DATA)
    except Exception as error:  # noqa: BLE001 - any error means that the override does not work
        return [f"jinja2.Environment.getattr and getitem: self-test raised {type(error).__name__}"]
    found = []
    if text != _TEST_RESULT:
        found.append("jinja2.Environment.getattr and getitem: jinja2 does not call the override")
    if not hasattr(template, "root_render_func"):
        found.append("jinja2.Template.root_render_func is missing")
    return found


@functools.cache
def warn_once() -> None:
    """Log a warning if the installed Jinja2 lacks something."""
    found = problems()
    if found:
        logger.warning(
            "Jinja2 internals missing; documented API used instead",
            extra={"read_in": READ_IN, "missing": ", ".join(found)},
        )
