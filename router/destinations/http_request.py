"""The request that an ``http`` destination sends for a delivery (pure)."""

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import unquote

import msgspec

from router.alerts import Delivery
from router.datatypes import Secret
from router.destinations.contract import Links
from router.destinations.http_config import WITHOUT_BODY, HttpConfig
from router.destinations.rendering import json_body
from router.destinations.rendering.json_body import Body
from router.destinations.rendering.own_body import (
    TEXT,
    DeliveryTemplates,
    form_body,
    json_template_body,
    text_template_body,
)
from router.destinations.rendering.templates import TemplateTarget, is_template, mask_literals

MASK: Final = "***"
"""Shown instead of a secret."""
_REPLAY_OF: Final = "router-replay-of"
_URL_LIMIT: Final = 16 * 1024
_HEADER_LIMIT: Final = 4096
_DOTS: Final = frozenset({".", ".."})
# A scheme and an authority, which end before the first character that a template may fill in.
_ORIGIN: Final = re.compile(r"https?://[^/?#]*", re.IGNORECASE)


class HttpRequest(msgspec.Struct, frozen=True):
    """One request."""

    body: Body
    """Its content, and the headers that belong to it or come from templates."""
    path: str = ""
    """The filled-in path and query, to append to ``RequestBuilder.base_url``."""
    secrets: tuple[Secret, ...] = ()
    """Filled-in templates that contain secrets, for the redaction of a reply."""
    problem: str = ""
    """Why the request cannot be sent; ``""`` if it can."""
    errors: tuple[str, ...] = ()
    """The errors of templates, a line each."""


class RequestBuilder:
    """Builds the requests of one destination."""

    def __init__(self, config: HttpConfig) -> None:
        self._config = config
        url = config.url.reveal()
        self.base_url = _origin(url) if is_template(url) else url
        """The URL, up to its first part that may be a template."""
        self._path = url[len(self.base_url) :]
        headers = {name: value.reveal() for name, value in config.headers.items()}
        self._headers = {name: text for name, text in headers.items() if is_template(text)}
        self.constant_headers = {
            name: text for name, text in headers.items() if name not in self._headers
        }
        """The configured headers that are the same for each delivery."""
        self._has_templates = bool(
            self._path or self._headers or config.form or config.body is not None
        )

    def build(self, delivery: Delivery, links: Links) -> HttpRequest:
        """Return the request for a delivery."""
        if not (self._has_templates or delivery.replay_of):  # the usual case, and a fast one
            body = self._own_form(delivery, links)
            return HttpRequest(body, errors=body.errors)
        templates = DeliveryTemplates(delivery, links)
        body = self._body(delivery, templates, links)
        filled = self._filled_headers(templates, self._headers)
        path, problem = self._filled_path(templates)
        headers = {**body.headers, **filled}
        if delivery.replay_of:
            headers[_REPLAY_OF] = delivery.replay_of
        return HttpRequest(
            msgspec.structs.replace(body, headers=headers),
            path,
            tuple(map(Secret, [*([self.base_url + path] if path else []), *filled.values()])),
            problem,
            tuple(dict.fromkeys((*body.errors, *templates.errors))),
        )

    def _body(self, delivery: Delivery, templates: DeliveryTemplates, links: Links) -> Body:
        config = self._config
        limit = config.max_body
        if config.form is not None:
            form = {name: value.reveal() for name, value in config.form.items()}
            return form_body(templates, form, limit)
        if isinstance(config.body, str):
            return text_template_body(templates, config.body, config.content_type or TEXT, limit)
        if config.body is not None:
            return self._with_content_type(json_template_body(templates, config.body, limit))
        return self._own_form(delivery, links)

    def _own_form(self, delivery: Delivery, links: Links) -> Body:
        """Return the body in one of the router's own forms."""
        config = self._config
        if config.method in WITHOUT_BODY:
            return Body(b"", "")
        return self._with_content_type(
            json_body.alert_body(delivery, config.format, links, config.max_body)
        )

    def _with_content_type(self, body: Body) -> Body:
        content_type = self._config.content_type
        return msgspec.structs.replace(body, content_type=content_type) if content_type else body

    def _filled_headers(
        self, templates: DeliveryTemplates, sources: Mapping[str, str]
    ) -> dict[str, str]:
        """Return the headers filled in, without those whose template failed."""
        filled = {}
        for name, source in sources.items():
            text = templates.text(source, TemplateTarget.HEADER, f"headers.{name}")
            if text is not None and text.strip():
                filled[name] = text.strip()[:_HEADER_LIMIT]
        return filled

    def _filled_path(self, templates: DeliveryTemplates) -> tuple[str, str]:
        """Return the path and query filled in and ``""``, or ``""`` and the problem."""
        if not self._path:
            return "", ""
        target = templates.text(self._path, TemplateTarget.URL, "url")
        if target is None:
            return "", "the template of url failed"
        path = re.split("[?#]", target)[0]
        if any(unquote(segment) in _DOTS for segment in path.split("/")):
            return "", "the template of url made a path with dots"
        if len(target) > _URL_LIMIT:
            return "", f"the template of url made more than {_URL_LIMIT} characters"
        return target, ""


def masked(config: HttpConfig) -> HttpConfig:
    """Return a configuration whose secrets are ``***``, for previews.

    Templates stay, without their longer literal words.
    """

    def mask(secret: Secret) -> Secret:
        text = secret.reveal()
        return Secret(mask_literals(text) if is_template(text) else MASK)

    url = config.url.reveal()
    origin = _origin(url)
    target = mask_literals(url[len(origin) :]) if is_template(url) else f"/{MASK}"
    return msgspec.structs.replace(
        config,
        url=Secret(origin + target),
        headers={name: mask(value) for name, value in config.headers.items()},
        form=config.form and {name: mask(value) for name, value in config.form.items()},
    )


def _origin(url: str) -> str:
    found = _ORIGIN.match(url)
    return found[0] if found else ""
