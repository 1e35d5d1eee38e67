"""Requests in the receiver's own form: URL, headers and body of templates (pure).

Each value is escaped for its place. A template that fails loses no alert: the text of a form or a
body becomes the alert's plain summary, a value of a JSON body null, and a header is left out. Only a
URL has no such substitute, because it would be that of something else.
"""

import functools
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import urlencode

import msgspec

from router.alerts import Delivery
from router.destinations.contract import Links
from router.destinations.rendering.json_body import LEFT_OUT, Body, named_links
from router.destinations.rendering.summary import (
    decode,
    plain_summary,
    summary,
    template_variables,
)
from router.destinations.rendering.templates import (
    TemplateTarget,
    is_constant,
    render,
    render_value,
    template_error,
)
from router.destinations.rendering.text import cut, one_line
from router.media_types import FORM, JSON

TEXT: Final = "text/plain; charset=utf-8"
"""Content type of a text."""

JsonTemplate = dict[str, Any] | list[Any]
"""A JSON object or list whose texts are templates."""
FormTemplate = Mapping[str, str]
"""The fields of a form."""

ALERT_FIELDS: Final = ("delivery", "links", "summary")
"""The further fields of ``alert`` in the templates of a request."""

_TEXTS_LIMIT: Final = 200
"""Templates of one body."""
_REASON_LIMIT: Final = 200
_VALUE_LIMITS: Final = (16_384, 4096, 1024, 256, 64)
"""Bytes to which the values of a body are limited, one after the other, until it fits."""
_LONG_VALUES: Final = "long values"


class DeliveryTemplates:
    """Fills in the templates of one request.

    Args:
        delivery: The delivery.
        links: The alert's pages.

    Attributes:
        errors: The errors of templates, a line each.
    """

    def __init__(self, delivery: Delivery, links: Links) -> None:
        self.errors: list[str] = []
        self._delivery = delivery
        self._links = links

    def text(self, source: str, target: TemplateTarget, place: str) -> str | None:
        """Return a template filled in; None after recording that it failed."""
        if is_constant(source):
            return source
        try:
            return render(source, self._names, target)
        except Exception as error:  # noqa: BLE001 - an expression may raise anything
            self.fail(place, error)
            return None

    def value(self, source: str, place: str) -> Any:
        """Return a template's value in JSON; None after recording that it failed."""
        if is_constant(source):
            return source
        try:
            return msgspec.Raw(_encode(render_value(source, self._names)))
        except Exception as error:  # noqa: BLE001 - as above
            self.fail(place, error)
            return None

    def plain(self, target: TemplateTarget = TemplateTarget.TEXT) -> str:
        """Return the alert's summary that needs no template."""
        return plain_summary(self._delivery.alert, target, self._event)

    def fail(self, place: str, error: Exception) -> None:
        """Record that the template of a place failed."""
        alert = self._delivery.alert
        reason = one_line(f"{type(error).__name__}: {error}", _REASON_LIMIT)
        self.errors.append(f"rule {alert.rule}: {place} of event {alert.event_id} failed, {reason}")

    @functools.cached_property
    def _event(self) -> dict[str, Any]:
        return decode(self._delivery.alert)

    @functools.cached_property
    def _names(self) -> dict[str, Any]:
        alert = self._delivery.alert
        line = summary(alert, TemplateTarget.TEXT, self._event)
        if line.error:
            self.errors.append(line.error)
        names = template_variables(alert, self._event, line.text)
        names["alert"] |= {"delivery": self._delivery.id, "links": dict(named_links(self._links))}
        return names


def json_template_body(
    templates: DeliveryTemplates, template: JsonTemplate, limit: int | None
) -> Body:
    """Return ``template`` with its texts filled in, as a body.

    The result is always valid JSON, because values are encoded, not pasted. A text whose template
    fails becomes null, so that the receiver finds the structure that it expects.

    Args:
        templates: Fills in the templates.
        template: The body.
        limit: Bytes that the receiver takes; values are cut until the body fits.
    """

    def fill(part: Any, path: str) -> Any:
        if isinstance(part, dict):
            return {name: fill(each, f"{path}.{name}") for name, each in part.items()}
        if isinstance(part, list):
            return [fill(each, f"{path}[{index}]") for index, each in enumerate(part)]
        return templates.value(part, path) if isinstance(part, str) else part

    filled = fill(template, "body")
    content = _encode(filled)
    for value_limit in _VALUE_LIMITS if limit is not None else ():
        if len(content) <= (limit or 0):
            break
        content = _encode(_with_short_values(filled, value_limit))
    return Body(content, JSON, _left_out(limit, content, _encode(filled)))


def _left_out(limit: int | None, content: bytes, whole: bytes) -> dict[str, str]:
    return {LEFT_OUT: _LONG_VALUES} if limit is not None and content != whole else {}


def _with_short_values(part: Any, limit: int) -> Any:
    """Return a filled body whose longer texts are cut and whose longer lists and objects are null."""
    if isinstance(part, dict):
        return {name: _with_short_values(each, limit) for name, each in part.items()}
    if isinstance(part, list):
        return [_with_short_values(each, limit) for each in part]
    if not isinstance(part, msgspec.Raw) or len(part) <= limit:
        return part
    value = msgspec.json.decode(part)
    return cut(value, limit) if isinstance(value, str) else None


def text_template_body(
    templates: DeliveryTemplates, template: str, content_type: str, limit: int | None
) -> Body:
    """Return a text with its values filled in, as a body.

    Args:
        templates: Fills in the templates.
        template: The text.
        content_type: Decides how values are escaped: for JSON, XML or HTML, a form, or not at all.
        limit: Bytes that the receiver takes; a longer text is cut.
    """
    target = _target(content_type)
    text = templates.text(template, target, "body")
    if text is not None and target is TemplateTarget.JSON:
        try:
            msgspec.json.decode(text)
        except (msgspec.DecodeError, RecursionError) as error:
            templates.fail("body", error)
            text = None
    if text is None:
        text = _plain_in(templates, target)
    content = text.encode("utf-8", "replace")
    if limit is None or len(content) <= limit:
        return Body(content, content_type)
    if target is TemplateTarget.JSON:  # a part of JSON is none
        content = _plain_in(templates, target).encode()
    return Body(_cut_bytes(content, limit), content_type, {LEFT_OUT: "the end"})


def _plain_in(templates: DeliveryTemplates, target: TemplateTarget) -> str:
    if target is TemplateTarget.JSON:
        return _encode({"text": templates.plain()}).decode()
    return templates.plain(target)


def _target(content_type: str) -> TemplateTarget:
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type.endswith(("/json", "+json")):
        return TemplateTarget.JSON
    if media_type.endswith(("/xml", "+xml", "/html")):
        return TemplateTarget.HTML
    return TemplateTarget.URL if media_type == FORM else TemplateTarget.TEXT


def form_body(templates: DeliveryTemplates, form: FormTemplate, limit: int | None) -> Body:
    """Return a form with its values filled in, as a body.

    Args:
        templates: Fills in the templates.
        form: The fields.
        limit: Bytes that the receiver takes; values are cut until the form fits.
    """
    filled = []
    for name, source in form.items():
        text = templates.text(source, TemplateTarget.TEXT, f"form.{name}")
        filled.append((name, templates.plain() if text is None else text))
    whole = content = _urlencoded(filled)
    for value_limit in _VALUE_LIMITS if limit is not None else ():
        if len(content) <= (limit or 0):
            break
        content = _urlencoded([(name, cut(text, value_limit)) for name, text in filled])
    return Body(content, FORM, _left_out(limit, content, whole))


def _urlencoded(fields: list[tuple[str, str]]) -> bytes:
    return urlencode(fields, safe="*").encode()  # the WHATWG's URL standard, section 5.2


def check_templates(body: JsonTemplate | str | FormTemplate, key: str = "body") -> None:
    """Check the templates of a body.

    Raises:
        ValueError: A template is not valid, or there are too many; the message names the text.
    """
    texts = list(_texts(body, ""))
    if len(texts) > _TEXTS_LIMIT:
        raise ValueError(f"{key}: {len(texts)} texts, at most {_TEXTS_LIMIT}")
    for path, text in texts:
        problem = template_error(text, fields=ALERT_FIELDS)
        if problem is not None:
            place = f"{key}: {path.removeprefix('.')}" if path else key
            raise ValueError(f"{place}: {problem[1]}")


def _texts(part: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(part, str):
        yield path, part
    elif isinstance(part, Mapping):
        for name, each in part.items():
            yield from _texts(each, f"{path}.{name}")
    elif isinstance(part, list | tuple):
        for index, each in enumerate(part):
            yield from _texts(each, f"{path}[{index}]")


def _cut_bytes(content: bytes, limit: int) -> bytes:
    """Return the first ``limit`` bytes of UTF-8, without half a character."""
    return content[:limit].decode("utf-8", "ignore").encode()


_encode: Final = msgspec.json.Encoder().encode
