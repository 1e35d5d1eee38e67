"""Templates render on a Jinja2 that lacks one of the names that it does not promise to keep."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jinja2
import pytest
from jinja2.compiler import CodeGenerator
from jinja2.sandbox import ImmutableSandboxedEnvironment, SandboxedEnvironment

from router.destinations.capture import CaptureConfig
from router.destinations.contract import Environment
from router.destinations.kinds import build
from router.destinations.rendering import jinja_adapter, templates
from router.destinations.rendering.jinja_adapter import (
    FieldLookup,
    Renderer,
    problems,
    warn_once,
)
from router.destinations.rendering.templates import TemplateTarget, render, render_value

DATA = {"data": {"name": "Weekly", "issues": {"quality": 3}, "tags": ["a", "b"]}}


class Documented:
    """A template with the methods of Jinja2's "High Level API" and no others."""

    def __init__(self, template: jinja2.Template) -> None:
        self.render = template.render
        self.generate = template.generate
        self.make_module = template.make_module


class Renaming(CodeGenerator):
    """Compiles templates as if Jinja2 looked fields up by other names."""

    def write(self, x: str) -> None:
        super().write(re.sub(r"environment\.get(attr|item)\(", r"environment.find_\1(", x))


@pytest.fixture
def renamed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(jinja2.Environment, "code_generator_class", Renaming)
    for name in ("attr", "item"):
        original = getattr(SandboxedEnvironment, f"get{name}")
        monkeypatch.setattr(ImmutableSandboxedEnvironment, f"find_{name}", original, raising=False)
    forget_compiled()
    yield
    forget_compiled()


@pytest.fixture
def without_low_level(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    original = FieldLookup.from_string
    monkeypatch.setattr(
        FieldLookup, "from_string", lambda self, source: Documented(original(self, source))
    )
    forget_compiled()
    yield
    forget_compiled()


def forget_compiled() -> None:
    templates._compiled.cache_clear()
    templates._compiled_expression.cache_clear()


def text_of(source: str) -> str:
    return render(source, DATA, TemplateTarget.TEXT)


def test_the_installed_jinja2_has_every_name() -> None:
    assert problems() == []


@pytest.mark.parametrize("name", ["getattr", "getitem"])
def test_a_missing_name_is_reported(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.delattr(jinja2.Environment, name)

    assert problems() == [f"jinja2.Environment.{name} is missing"]


@pytest.mark.usefixtures("renamed")
def test_a_lookup_by_another_name_is_reported_and_templates_render() -> None:
    assert problems() == ["jinja2.Environment.getattr and getitem: self-test raised TypeError"]
    source = (
        "{{ data.name }} {{ data['issues'].quality }} {{ data.no or '-' }} {{ data['no'] or '-' }}"
    )
    assert text_of(source) == "Weekly 3 - -"
    assert text_of("{% for tag in data.tags %}{{ loop.index }}{{ tag }}{% endfor %}") == "1a2b"
    assert render_value("{{ data.issues }}", DATA) == {"quality": 3}


@pytest.mark.usefixtures("renamed")
def test_a_missing_field_is_an_error_with_either_lookup() -> None:
    with pytest.raises(jinja2.UndefinedError, match="no_such_field"):
        text_of("{{ data.no_such_field }}")


@pytest.mark.usefixtures("without_low_level")
def test_without_the_low_level_function_templates_render_the_same() -> None:
    assert problems() == ["jinja2.Template.root_render_func is missing"]
    assert text_of("{{ data.name }} {{ data.tags | join('+') }}") == "Weekly a+b"
    assert render_value("{{ data.issues }}", DATA) == {"quality": 3}
    with pytest.raises(jinja2.UndefinedError):
        text_of("{{ data.no_such_field }}")


@pytest.mark.parametrize("wrap", [Documented, lambda template: template])
def test_both_renderers_give_the_same(wrap: Any) -> None:
    template = FieldLookup().from_string("{% set result = data.name %}{{ data.tags }}!")
    renderer = Renderer(wrap(template))

    assert "".join(renderer.pieces(dict(DATA))) == "['a', 'b']!"
    assert renderer.assigned("result", dict(DATA)) == "Weekly"


def test_an_override_that_is_not_called_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jinja_adapter, "_TEST_RESULT", "another")

    assert problems() == [
        "jinja2.Environment.getattr and getitem: jinja2 does not call the override"
    ]


@pytest.mark.usefixtures("renamed")
def test_building_a_destination_logs_what_is_missing_once(
    environment: Environment, caplog: pytest.LogCaptureFixture
) -> None:
    warn_once.cache_clear()
    for name in ("a", "b"):
        build(name, CaptureConfig(), environment)
    warn_once.cache_clear()
    (record,) = caplog.records
    assert record.getMessage() == "Jinja2 internals missing; documented API used instead"


def test_only_the_adapter_and_the_templates_import_jinja2() -> None:
    root = Path(jinja_adapter.__file__).parents[2]
    importing = {
        path.name
        for path in root.rglob("*.py")
        if re.search(r"^\s*(from|import) jinja2", path.read_text(), re.MULTILINE)
    }

    assert importing == {"jinja_adapter.py", "templates.py", "page_templates.py"}
