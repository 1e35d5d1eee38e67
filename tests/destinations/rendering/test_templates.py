import jinja2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.destinations.rendering.templates import (
    LOOP_LIMIT,
    OUTPUT_LIMIT,
    SOURCE_LIMIT,
    VALUE_LIMIT,
    TemplateTarget,
    fields_read,
    render,
    template_error,
)

DATA = {
    "conference_sid": "CF1",
    "name": "Weekly <b> & 'more'",
    "nothing": None,
    "tags": ["silent", "low_mos"],
    "issues": {"call_quality": 3, "items": "a member, not a method"},
    "many": list(range(100)),
    "large": "x" * 100_000,
    "on": True,
    "ratio": 1.5,
}


def fill(source: str, target: TemplateTarget = TemplateTarget.TEXT, **data: object) -> str:
    assert template_error(source) is None
    return render(source, {"data": DATA | data, "event": {"type": "t"}, "alert": {}}, target)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{{ data.friendly_name or data.conference_sid }}", "CF1"),
        ("{{ data.tag_info.start_failure.reason or 'no reason' }}", "no reason"),
        ("{{ data['no']['such'][3] or '-' }}", "-"),
        ("{% if data.friendly_name %}yes{% else %}no{% endif %}", "no"),
        ("{{ data.friendly_name | default('anonymous') }}", "anonymous"),
        ("{{ data.friendly_name is defined }}", "false"),
        ("{{ 'muted' if data.muted }}", ""),
        ("{{ data.conference_sid }}{{ ', on' if data.on }}", "CF1, on"),
        ("{{ data.nothing }}", ""),
        ("{{ data.on }} {{ data.ratio }} {{ data.tags }}", 'true 1.5 ["silent","low_mos"]'),
        ("{{ data.issues.call_quality + 1 }}", "4"),
        ("{{ data.issues.items }}", "a member, not a method"),
        ("{{ 'silent' in data.tags }}", "true"),
        ("{{ data.tags | join(', ') | upper }}", "SILENT, LOW_MOS"),
        (
            "{% for t in data.tags %}{{ t }}{% if not loop.last %} + {% endif %}{% endfor %}",
            "silent + low_mos",
        ),
        ("{% for k, v in data.issues | dictsort %}{{ k }}={{ v }};{% endfor %}", None),
        ("{{ event.type }} {# a comment #}", "t "),
        ("{{ data.name | replace('Weekly', 'Daily') }}", "Daily <b> & 'more'"),
        ("{{ data.issues | tojson }}", None),
        ("{{ data.ratio | round | int }}", "2"),
    ],
)
def test_what_templates_can_say(source, text):
    seen = fill(source)
    assert seen == (text or seen)


@pytest.mark.parametrize(
    "source",
    [
        "{{ data.friendly_name }}",
        "{{ data.friendly_name.first }}",
        "{{ data.friendly_name | upper }}",
        "{{ data.friendly_name == 'x' }}",
        "{{ data.count + 1 }}",
        "{{ 'silent' in data.tagz }}",
        "{% for x in data.tagz %}{% endfor %}",
        "{{ data.tagz | tojson }}",
        "{{ data.name.__class__ }}",
        "{{ data.name.upper }}",
        "{{ data.__init__.__globals__ }}",
        "{{ data.tags | map('upper') }}",
    ],
)
def test_what_is_missing_is_an_error_not_an_empty_text(source):
    with pytest.raises((jinja2.TemplateError, TypeError)):
        fill(source)


@pytest.mark.parametrize(
    ("source", "line", "message"),
    [
        ("{{ data.x", 1, "unexpected end of template"),
        ("fine\n{{ data.x | uppercase }}", 2, "no filter 'uppercase'"),
        ("\n\n{% if data.x %}{{ data.y | uppercase }}{% endif %}", 3, "no filter 'uppercase'"),
        ("{{ data.x is evan }}", 1, "no test 'evan'"),
        ("one\n{{ dta.x }}", 2, "unknown name 'dta', there are data, event and alert"),
        ("{{ self }}", 1, "unknown name 'self'"),
        ("{{ range(9) }}", 1, "`call` is not available"),
        ("{{ data.x.upper() }}", 1, "`call` is not available"),
        ("{% set x = 1 %}", 1, "`assign` is not available"),
        ("{% macro m() %}{% endmacro %}", 1, "`macro` is not available"),
        ("{% include 'x' %}", 1, "`include` is not available"),
        ("{% import 'x' as y %}", 1, "`import` is not available"),
        ("{% extends 'x' %}", 1, "`extends` is not available"),
        ("{% block b %}{% endblock %}", 1, "`block` is not available"),
        ("{% raw %}{% endraw %}{% with %}{% endwith %}", 1, "`with` is not available"),
        ("{{ 9 ** 9 ** 9 }}", 1, "`pow` is not available"),
        ("{% for x in data recursive %}{% endfor %}", 1, "may not be recursive"),
        ("{{ data | attr('x') }}", 1, "no filter 'attr'"),
        ("{{ data.x | safe }}", 1, "no filter 'safe'"),
        ("{{ data.x | center(1000000000) }}", 1, "no filter 'center'"),
        ("x" * (SOURCE_LIMIT + 1), 1, "at most 8192"),
    ],
)
def test_a_wrong_template_is_found_with_its_line(source, line, message):
    error = template_error(source)
    assert error is not None
    assert (error[0], message in error[1]) == (line, True)


@pytest.mark.fault_row(61)
@pytest.mark.parametrize(
    "source",
    [
        "{{ 'x' * 1000000000 }}",
        "{{ data.tags * 1000000000 }}",
        "{{ '%1000000000d' % 1 }}",
        "{% for a in data.many %}{% for b in data.many %}{{ a }}{% endfor %}{% endfor %}",
        "{{ data.large | replace('x', data.large) }}",
        "{{ data.large | replace('', data.large) }}",
    ],
)
def test_what_would_run_for_hours_or_fill_the_memory_is_stopped(source):
    """Mutant: loops of templates have no limit."""
    with pytest.raises(jinja2.TemplateRuntimeError):
        fill(source)


def test_the_turns_of_loops_are_counted_anew_for_each_rendering():
    source = "{% for x in data.list %}.{% endfor %}"
    assert [len(fill(source, list=[1] * LOOP_LIMIT)) for _ in range(3)] == [LOOP_LIMIT] * 3


def test_one_value_and_the_whole_have_a_greatest_length():
    assert len(fill("{{ data.large }}")) == VALUE_LIMIT
    assert len(fill("{{ data.large }}" * 100)) == OUTPUT_LIMIT


@pytest.mark.parametrize(
    ("target", "text"),
    [
        (TemplateTarget.TEXT, "<i> Weekly <b> & 'more'"),
        (TemplateTarget.SLACK, "<i> Weekly &lt;b&gt; &amp; 'more'"),
        (TemplateTarget.HTML, "<i> Weekly &lt;b&gt; &amp; &#x27;more&#x27;"),
    ],
)
def test_values_are_escaped_for_the_target_and_the_template_is_not(target, text):
    assert fill("<i> {{ data.name }}", target) == text


@pytest.mark.parametrize(
    "source",
    [
        "{{ data.x }}",
        "{{ data.x ~ data.x }}",
        "{{ [data.x] | join }}",
        "{{ [data.x] }}",
        "{{ {'k': data.x} | tojson }}",
        "{{ data.x | upper | lower | title | trim | truncate(5000) }}",
        "{% for c in data.x %}{{ c }}{% endfor %}",
        "{{ data.x if true }}{{ none or data.x }}",
        "{{ data.missing | default(data.x) }}",
    ],
)
@pytest.mark.parametrize("target", [TemplateTarget.SLACK, TemplateTarget.HTML])
def test_no_expression_leads_around_the_escaping(source, target):
    assert "<" not in fill(source, target, x="<!channel> <script> &")


@given(st.text())
def test_no_value_leads_around_the_escaping(text):
    seen = fill("{{ data.x }}", TemplateTarget.HTML, x=text)
    assert not set(seen) & set("<>\"'\r\n\x00\u202e")


def test_the_fields_that_a_template_names_are_known() -> None:
    source = (
        "{{ data.a.b or data.c }} {% for each in data.list %}{{ each.x }}{% endfor %}"
        " {{ data['x'].y }} {{ event.id | upper }} {{ alert.rule }}"
    )
    assert sorted(fields_read(source)) == ["data.a.b", "data.c", "data.list", "event.id"]
