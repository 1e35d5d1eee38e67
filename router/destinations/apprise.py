"""The kind ``apprise``: more than a hundred further services, from one URL each.

Apprise is synchronous, connects by itself and says no more than whether it worked. So each attempt
has a thread of its own, held to ROUTER_EGRESS, and is given up when its time is over: the thread
ends when Apprise's own timeouts do, and keeps its slot until then.
"""

import asyncio
import contextlib
import functools
import importlib.util
import logging
import re
import threading
import warnings
from collections.abc import Callable
from types import ModuleType
from typing import Any, Final

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
from router.destinations.rendering.email_body import text_part
from router.destinations.rendering.notes import status_line
from router.destinations.rendering.summary import (
    decode,
    summary,
)
from router.destinations.rendering.templates import (
    TemplateTarget,
)
from router.destinations.rendering.text import one_line
from router.destinations.transport.egress_hook import install_hook, restricted_to
from router.destinations.transport.redaction import Redactor

TITLE_LIMIT: Final = 250

# Services of this machine, not of the network.
_LOCAL: Final = frozenset({"blink1", "dbus", "glib", "gnome", "macosx", "syslog", "windows"})
_PLUGINS: Final = "apprise.plugins."
_TYPES: Final = {Severity.INFO: "info", Severity.WARNING: "warning", Severity.CRITICAL: "failure"}
_PARTS: Final = re.compile(r"[^/:@?&=#,\s]{6,}")
# What chat services take for calling everybody; event text is not to do that.
_CALLS: Final = re.compile(r"@(?=everyone|here|channel|all\b)|<(?=[@!#&])")
_ZERO_WIDTH_SPACE: Final = "\u200b"


class AppriseConfig(DestinationConfig, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the rules folder says of an ``apprise`` destination."""

    url: Secret
    """As Apprise has it: ``tgram://…``, ``msteams://…``, ``pagerduty://…``."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if importlib.util.find_spec("apprise") is None:
            raise ValueError("apprise is not installed: pip install 'event-router[apprise]'")
        service = _service(self.url)
        if service is None:
            raise ValueError("url is none that Apprise knows; its services are on its home page")
        module = type(service).__module__
        if not module.startswith(_PLUGINS):
            raise ValueError("url is of a plug-in; only Apprise's own services may be used")
        if module.removeprefix(_PLUGINS).split(".")[0] in _LOCAL:
            raise ValueError("url is of a service on this machine; only those of the network")


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
        install_hook()
        _listen()

    async def close(self) -> None:
        """Nothing to close: threads that are late end by themselves."""

    async def attempt(self, delivery: Delivery) -> Outcome:
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
        title, body, _ = _content(delivery, self._environment)
        scheme = self.config.url.reveal().partition("://")[0]
        headers = (("service", scheme), ("type", _type(delivery)), ("title", title))
        return Preview(headers, body, "text/plain; charset=utf-8")

    async def _in_thread(self, work: Callable[[], Outcome]) -> Outcome:
        """Run ``work`` in a thread that nobody waits for at the end of the process."""
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[Outcome] = loop.create_future()

        def finish(outcome: Outcome) -> None:
            self._slots.release()
            if not ended.done():
                ended.set_result(outcome)

        def run() -> None:
            outcome = work()
            # A loop that is closed: nobody wants to know any more.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(finish, outcome)

        threading.Thread(target=run, name=f"apprise {self.name}", daemon=True).start()
        return await ended

    def _notify(self, delivery: Delivery, title: str, body: str) -> Outcome:
        service = _service(self.config.url)
        if service is None:
            return Refused("Apprise does not know the URL any more")
        # Of its own calls, of which it may make several.
        service.socket_connect_timeout = service.socket_read_timeout = float(self.config.timeout)
        _said.lines = []
        with restricted_to(self._environment.egress) as watch:
            try:
                sent = service.notify(body=body, title=title, notify_type=_type(delivery))
            except Exception as error:  # noqa: BLE001 - a plug-in may raise anything
                sent = False
                _said.lines.append(type(error).__name__)
        if sent:
            return Delivered()
        response = one_line(self._redact(" ".join(_said.lines)), RESPONSE_LIMIT)
        if watch.denied:
            return Refused("address not allowed by ROUTER_EGRESS", None, response)
        return Failed("Apprise could not send it", None, response)


class _Said(threading.local):
    """What Apprise logged in this thread."""

    def __init__(self) -> None:
        self.lines: list[str] = []


_said = _Said()


class _Listener(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        _said.lines.append(record.getMessage())


def _listen() -> None:
    """Keep what Apprise logs out of our log: it may hold secrets. An attempt tells it, redacted.

    What it connects with logs URLs, and those of many services are their tokens.
    """
    logger = logging.getLogger("apprise")
    if not any(isinstance(handler, _Listener) for handler in logger.handlers):
        logger.addHandler(_Listener(logging.WARNING))
    for name in ("apprise", "urllib3", "requests"):
        logging.getLogger(name).propagate = False


@functools.cache
def _library() -> ModuleType:
    """Apprise, with all of its services loaded."""
    # Some of what it tries to load is deprecated; that is not the operator's to know.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        apprise = importlib.import_module("apprise")
        _listen()
        apprise.Apprise.instantiate("json://localhost")
    return apprise


def _service(url: Secret) -> Any:
    """What Apprise makes of a URL; None for nothing. One for each attempt: it keeps state."""
    library = _library()
    asset = library.AppriseAsset(
        app_id="event-router",
        app_desc="Event router",
        async_mode=False,
        storage_mode="memory",
        secure_logging=True,
    )
    return library.Apprise.instantiate(url.reveal(), asset=asset)


def _content(delivery: Delivery, environment: Environment) -> tuple[str, str, str]:
    """Title, body, and why the summary's template failed or ``""``."""
    alert = delivery.alert
    event = decode(alert)
    said = summary(alert, TemplateTarget.TEXT, event)
    title = one_line(f"[{status_line(alert).word.upper()}] {said.text}", TITLE_LIMIT)
    body = text_part(delivery, said.text, event, environment.links(alert))
    return _harmless(title), _harmless(body), said.error


def _harmless(text: str) -> str:
    return _CALLS.sub(lambda found: found[0] + _ZERO_WIDTH_SPACE, text)


def _type(delivery: Delivery) -> str:
    alert = delivery.alert
    return "success" if alert.status is AlertStatus.RESOLVED else _TYPES[alert.severity]
