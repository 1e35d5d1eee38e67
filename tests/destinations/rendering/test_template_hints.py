"""Hints about templates that are written as in other languages."""

import pytest

from router.destinations.rendering.template_hints import placeholder, template_hint
from router.destinations.rendering.templates import template_error


@pytest.mark.parametrize(
    ("source", "hint"),
    [
        ("{{ .Labels.severity }}", "write {{ data.a }} for a field of the event, without a dot"),
        ("{{ len .Alerts }}", "write {{ data.a }} for a field of the event, without a dot"),
        ("{{ $labels.x }}", "write {{ data.a }} for a field; there are no $ variables"),
        ("{{ $json.x }}", "write {{ data.a }} for a field; there are no $ variables"),
        ("{{ range .Alerts }}x{{ end }}", "write {% for each in data.a %}"),
        ("{{ if data.x }}x{{ end }}", "write {% if data.a %}"),
        ("{{#if data.x}}a{{/if}}", "write {% if data.a %}"),
        ("{% unless data.x %}a{% endunless %}", "write {% if data.a %}"),
        ("{% if data.x %}a{% end %}", "write {% if data.a %}"),
        ("{% if data.x %}a", "write {% endif %} at its end"),
        ("{% for x in data.l %}a", "write {% endfor %} at its end"),
        ("{% if data.x %}a{% else if data.y %}b{% endif %}", "write {% elif data.a %}"),
        ("{% if data.x && data.y %}a{% endif %}", "write and"),
        ("{% if !data.x %}a{% endif %}", "write not data.a"),
        ("{% if data.x = 1 %}a{% endif %}", "write == to compare"),
        ("{% if data.x === 1 %}a{% endif %}", "write == to compare"),
        ("{% set x = 1 %}{{ x }}", "write the rule's let"),
        ("{{ data.x ?? 1 }}", 'write {{ data.a or "unknown" }}'),
        ("{{ data.x || 1 }}", 'write {{ data.a or "unknown" }}'),
        ("{{ data?.x }}", "write data.a.b: a field of a missing field is missing"),
        ("{{ data.x ? 1 : 2 }}", "write {{ data.a if data.b else data.c }}"),
        ("{{ data.x | upcase }}", "write {{ data.a | upper }}"),
        ("{{ data.x | toUpper }}", "write {{ data.a | upper }}"),
        ("{{ data | json }}", "write {{ data.a | tojson }}"),
        ("{{ data.x | default_if_none('a') }}", 'write {{ data.a or "unknown" }}'),
        ("{{ data.x | date }}", "write {{ data.a }}: times stay as they came"),
        ("{{ data.x | safe }}", "leave it out: values are escaped"),
        ("{{ data.x.upper() }}", "write {{ data.a | upper }}"),
        ("{{ len(data.x) }}", "write {{ data.a | length }}"),
        ("{{ str(data.x) }}", "write {{ data.a }}"),
        ("{{ data.get('x') }}", 'write {{ data.a or "unknown" }}'),
        ("{{ data.x.frobnicate() }}", "write a filter: {{ data.a | upper }}"),
        ("{{ friendly_name }}", "write {{ data.friendly_name }} for a field of the event"),
        ("{{ severity }}", "write {{ alert.severity }}"),
        ("{{ type }}", "write {{ event.type }}"),
        ("{{ daat.x }}", 'did you mean "data"?'),
        ("{{ data.x", "write }} behind one value"),
        ("{{ data.x } a", "write }} behind one value"),
        ("{{ upper data.x }}", "write }} behind one value"),
        ('{{ data["x] }}', "the text in quotes has no end"),
        ("{{ data.x or “?” }}", "write straight quotes"),
        ('{{ f"{data.x}" }}', "write {{ data.a }} in the text itself"),
        ("{{ env.HOME }}", ""),
        ("{% include 'a' %}", ""),
    ],
)
def test_a_template_of_another_language_gets_a_hint(source: str, hint: str) -> None:
    """Case O13."""
    problem = template_error(source)
    assert problem is not None
    given = template_hint(
        source, problem[1].partition(", there are")[0], ["data", "event", "alert"]
    )
    assert given.startswith(hint)
    assert bool(given) is bool(hint)


@pytest.mark.parametrize(
    ("source", "field"),
    [
        ("call ${data.x} ends", "data.x"),
        ("call {data.x} ends", "data.x"),
        ("call { event.id }", "event.id"),
        ("call %(data.x)s", "data.x"),
        ("call <%= data.x %>", "data.x"),
        ("{{ data.a }} and ${data['b']}", "data['b']"),
    ],
)
def test_a_placeholder_of_another_language_is_found(source: str, field: str) -> None:
    found = placeholder(source)
    assert found is not None
    begin, end, name = found
    assert (name, field in source[begin:end]) == (field, True)


@pytest.mark.parametrize(
    "source",
    [
        *("{{ data.x }}", "costs ${{ data.x }}", "${NAME}", "{a}", "a {", "data.x"),
        *("{% if data.x %}a{% endif %}", "{{ {'a': data.x} }}"),
    ],
)
def test_a_text_without_one_is_let_be(source: str) -> None:
    assert placeholder(source) is None
