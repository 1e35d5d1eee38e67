"""The kind ``apprise``: more than a hundred further services, from one URL each.

Apprise is synchronous, connects by itself and reports no more than whether it worked. Each attempt
therefore has a thread of its own, restricted to ROUTER_EGRESS. An attempt that takes too long is
given up; its thread ends when Apprise's own timeouts do, and keeps its slot until then.
"""

import asyncio
import contextlib
import re
import threading
from collections.abc import Callable
from typing import Final

from router.alerts import (
    RESPONSE_LIMIT,
    AlertStatus,
    Delivered,
    Delivery,
    Failed,
    Outcome,
    Preview,
    Refused,
    Severity,
)
from router.datatypes import Secret
from router.destinations.contract import DestinationConfig, Environment
from router.destinations.rendering import escapes
from router.destinations.rendering.email_body import text_part
from router.destinations.rendering.notes import message_title
from router.destinations.rendering.summary import decode, summary
from router.destinations.rendering.templates import TemplateTarget
from router.destinations.rendering.text import one_line
from router.destinations.transport import apprise_adapter
from router.destinations.transport.egress_hook import install_hook, restricted_to
from router.destinations.transport.redaction import Redactor

TITLE_LIMIT: Final = 250
"""Characters of a title."""

# Services of this machine, not of the network.
_LOCAL: Final = frozenset(
    {"blink1", "dbus", "glib", "gnome", "kde", "macosx", "qt", "syslog", "windows"}
)
# Apprise's services end their log lines with the status of the reply.
_THROTTLED: Final = "error=429"
_TYPES: Final = {Severity.INFO: "info", Severity.WARNING: "warning", Severity.CRITICAL: "failure"}
_PARTS: Final = re.compile(r"[^/:@?&=#,\s]{6,}")
# Texts that chat services read as mentions or links even in plain text, which event text must not
# make.
_MENTIONS: Final = re.compile(r"@(?=everyone|here|channel|all\b)|<(?=[@!#&])|\](?=\()")
# Apprise 1 takes a text for whatever format the service reads, and Apprise 2 converts it to some.
_ESCAPES: Final = {"html": escapes.html_lines, "markdown": escapes.markdown}
# Services that keep incidents. Apprise knows none of them by the alert's key.
_INCIDENTS: Final = {
    "betterstack": "",
    "firehydrant": "",
    "flowtriq": "",
    "goalert": "",
    "ilert": "",
    "incidentio": "",
    "jira": "opsgenie",
    "opsgenie": "opsgenie",
    "pagerduty": "pagerduty",
    "pagertree": "",
    "signl4": "",
    "spike": "",
    "splunk": "",
    "squadcast": "",
    "xmatters": "",
}
"""Their names in Apprise, and the kind that knows them instead, or ``""``."""
_ZERO_WIDTH_SPACE: Final = "\u200b"


class AppriseConfig(DestinationConfig, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The configuration of an ``apprise`` destination."""

    url: Secret
    """As Apprise defines it: ``tgram://…``, ``msteams://…``, ``pagerduty://…``."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not apprise_adapter.is_installed():
            raise ValueError(
                "apprise is not installed: run pip install '.[apprise]' in the router's checkout"
            )
        service = apprise_adapter.service(self.url.reveal())
        if service is None:
            raise ValueError("url is not known to Apprise; its home page lists the services")
        name = apprise_adapter.service_name(service)
        if not name:
            raise ValueError("url is for a plug-in; only Apprise's own services are allowed")
        if name in _LOCAL:
            raise ValueError(
                "url is for a service on this machine; only network services are allowed"
            )

    @property
    def resolve_problem(self) -> str:
        """Why a resolved alert ends nothing at a service that keeps incidents."""
        service = apprise_adapter.service(self.url.reveal())
        name = apprise_adapter.service_name(service) if service is not None else ""
        if name not in _INCIDENTS:
            return ""
        native = _INCIDENTS[name]
        use = f"use the kind {native}" if native else "use the kind http with a body of its own"
        return f"Apprise cannot resolve an incident of {name}, it may open a second one: {use}"


class AppriseDestination:
    """One service."""

    def __init__(self, name: str, config: AppriseConfig, environment: Environment) -> None:
        self.name = name
        self.config = config
        self._environment = environment
        url = config.url.reveal()
        self._redact = Redactor((config.url, *map(Secret, _PARTS.findall(url))))
        self._slots = asyncio.Semaphore(config.concurrency)

    async def open(self) -> None:
        """Install the egress hook and redirect Apprise's log."""
        install_hook()
        apprise_adapter.redirect_log()
        apprise_adapter.warn_once()

    async def close(self) -> None:
        """Do nothing, because threads that are late end by themselves."""

    async def attempt(self, delivery: Delivery) -> Outcome:
        """Send once, in a thread."""
        title, body, error = _content(delivery, self._environment)
        if error:
            self._environment.on_template_error(error)
        try:
            async with asyncio.timeout(self.config.timeout):
                await self._slots.acquire()
                return await self._in_thread(lambda: self._notify(delivery, title, body))
        except TimeoutError:
            return Failed("timed out")

    def preview(self, delivery: Delivery) -> Preview:
        """Return the title and the body that ``attempt`` would send."""
        title, body, _ = _content(delivery, self._environment)
        scheme = self.config.url.reveal().partition("://")[0]
        headers = (("service", scheme), ("type", _type(delivery)), ("title", title))
        return Preview(headers, body, "text/plain; charset=utf-8")

    async def _in_thread(self, work: Callable[[], Outcome]) -> Outcome:
        """Run ``work`` in a daemon thread, so that the process can end without it."""
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[Outcome] = loop.create_future()

        def finish(outcome: Outcome) -> None:
            self._slots.release()
            if not ended.done():
                ended.set_result(outcome)

        def run() -> None:
            outcome = work()
            # RuntimeError: the loop is closed, because the process ends.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(finish, outcome)

        threading.Thread(target=run, name=f"apprise {self.name}", daemon=True).start()
        return await ended

    def _notify(self, delivery: Delivery, title: str, body: str) -> Outcome:
        # The timeout is that of each call, and a service may make several.
        service = apprise_adapter.service(
            self.config.url.reveal(), timeout=float(self.config.timeout)
        )
        if service is None:
            return Refused("Apprise no longer knows the URL")
        written_in = apprise_adapter.format_of(service)
        escape = _ESCAPES.get(written_in, str)
        apprise_adapter.logged.lines = []
        with restricted_to(self._environment.egress) as watch:
            try:
                sent = service.notify(
                    body=escape(body),
                    # Apprise puts it into the body if the service has no title.
                    title=title if apprise_adapter.has_title(service) else escape(title),
                    notify_type=_type(delivery),
                    body_format=written_in,
                )
            except Exception as error:  # noqa: BLE001 - a plug-in may raise anything
                sent = False
                apprise_adapter.logged.lines.append(type(error).__name__)
        if sent:
            return Delivered()
        logged = " ".join(apprise_adapter.logged.lines)
        # Apprise shortens what it logs.
        response = one_line(self._redact(logged, is_cut=True), RESPONSE_LIMIT)
        if watch.denied:
            return Refused("address not allowed by ROUTER_EGRESS", None, response)
        return Failed("Apprise could not send it", None, response, throttled=_THROTTLED in logged)


def _content(delivery: Delivery, environment: Environment) -> tuple[str, str, str]:
    """Return title, body, and the error of the summary's template or ``""``."""
    alert = delivery.alert
    event = decode(alert)
    line = summary(alert, TemplateTarget.TEXT, event)
    title = one_line(message_title(alert, line.text), TITLE_LIMIT)
    shown = environment.masks.applied(event)
    body = text_part(delivery, line.text, shown, environment.links(alert))
    return _without_mentions(title), _without_mentions(body), line.error


def _without_mentions(text: str) -> str:
    return _MENTIONS.sub(lambda found: found[0] + _ZERO_WIDTH_SPACE, text)


def _type(delivery: Delivery) -> str:
    match delivery.alert.status:
        case AlertStatus.FIRING:
            return _TYPES[delivery.alert.severity]
        case AlertStatus.ACKNOWLEDGED:
            return "info"
        case AlertStatus.RESOLVED:
            return "success"
