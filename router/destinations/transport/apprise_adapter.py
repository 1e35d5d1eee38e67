"""Apprise, loaded when it is needed, and the parts of it that it does not document.

No other module imports Apprise. The undocumented parts were read in Apprise 2.3.0, and
pyproject.toml caps Apprise below 3.

| name | use | if it is missing |
|---|---|---|
| ``URLBase.socket_connect_timeout`` | the timeout of a call | the URL's ``cto`` parameter |
| ``URLBase.socket_read_timeout`` | the timeout of a call | the URL's ``rto`` parameter |
| ``URLBase.resolve_format`` | the format of a service | ``notify_format``, as before 2.3 |
| modules ``apprise.plugins.<name>`` | which service a URL is for | ``Apprise.details`` |

``instantiate``, ``notify``, ``notify_format``, ``title_maxlen``, ``url``, ``details`` and
``AppriseAsset`` are documented in Apprise's wiki, pages "Development API" and "Developing a plugin";
``details`` lists ``cto`` and ``rto`` for each service.
"""

import functools
import importlib
import importlib.util
import logging
import threading
import warnings
from types import ModuleType
from typing import Any, Final

logger = logging.getLogger(__name__)

READ_IN: Final = "2.3.0"
TEXT: Final = "text"
"""The ``body_format`` of plain text."""

_PLUGINS: Final = "apprise.plugins."
_TIMEOUTS: Final = ("socket_connect_timeout", "socket_read_timeout")
_TEST_URL: Final = "json://localhost"


def is_installed() -> bool:
    """Return whether Apprise is installed."""
    return importlib.util.find_spec("apprise") is not None


def service(url: str, *, timeout: float | None = None) -> Any:
    """Return Apprise's service for a URL; None if there is none.

    Services keep state, so each attempt needs its own.

    Args:
        url: A URL as Apprise defines them.
        timeout: Seconds for each call that the service makes; None for Apprise's default.
    """
    if timeout is not None and not _has_timeouts():
        url += f"{'&' if '?' in url else '?'}cto={timeout:g}&rto={timeout:g}"
    library = _library()
    asset = library.AppriseAsset(
        app_id="event-router",
        app_desc="Event router",
        async_mode=False,
        storage_mode="memory",
        secure_logging=True,
    )
    made = library.Apprise.instantiate(url, asset=asset)
    if made is not None and timeout is not None:
        made.socket_connect_timeout = made.socket_read_timeout = timeout
    return made


def service_name(made: Any) -> str:
    """Return the name of one of Apprise's services, for example ``slack``; ``""`` for a plug-in."""
    if _has_modules():
        module = type(made).__module__
        return module.removeprefix(_PLUGINS).split(".")[0] if module.startswith(_PLUGINS) else ""
    scheme = made.url(privacy=True).partition("://")[0]
    return scheme if scheme in _own_schemes() else ""


def format_of(made: Any) -> str:
    """Return the format that a service sends: ``text``, ``html`` or ``markdown``."""
    if hasattr(made, "resolve_format"):
        return str(getattr(made.resolve_format(TEXT), "value", TEXT))
    return str(getattr(made.notify_format, "value", made.notify_format))


def has_title(made: Any) -> bool:
    """Return whether a service shows a title apart from the body."""
    return int(made.title_maxlen) > 0


def problems() -> list[str]:
    """Return what the installed Apprise lacks, a sentence each; empty if it has everything."""
    found = [
        f"apprise.URLBase.{name} is missing"
        for name in _TIMEOUTS
        if not hasattr(_library().URLBase, name)
    ]
    return found if _has_modules() else [*found, f"apprise has no modules {_PLUGINS}<name>"]


@functools.cache
def warn_once() -> None:
    """Log a warning if the installed Apprise lacks something."""
    found = problems()
    if found:
        logger.warning(
            "Apprise internals missing; documented API used instead",
            extra={"read_in": READ_IN, "missing": ", ".join(found)},
        )


def redirect_log() -> None:
    """Keep Apprise's log out of the process's log, because it may contain secrets.

    The same goes for the libraries with which it connects: they log URLs, and the URLs of many
    services contain tokens. ``logged`` has what Apprise logged in the current thread.
    """
    own = logging.getLogger("apprise")
    if not any(isinstance(handler, _Collector) for handler in own.handlers):
        own.addHandler(_Collector(logging.WARNING))
    for name in ("apprise", "urllib3", "requests"):
        logging.getLogger(name).propagate = False


class _Logged(threading.local):
    def __init__(self) -> None:
        self.lines: list[str] = []


logged: Final = _Logged()
"""The lines that Apprise logged in the current thread."""


class _Collector(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        logged.lines.append(record.getMessage())


@functools.cache
def _library() -> ModuleType:
    """Return Apprise with all of its services loaded."""
    # Some of its imports are deprecated, which does not concern operators.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        apprise = importlib.import_module("apprise")
        redirect_log()
        apprise.Apprise.instantiate(_TEST_URL)
    return apprise


@functools.cache
def _has_timeouts() -> bool:
    return all(hasattr(_library().URLBase, name) for name in _TIMEOUTS)


@functools.cache
def _has_modules() -> bool:
    made = _library().Apprise.instantiate(_TEST_URL)
    return type(made).__module__.startswith(_PLUGINS)


@functools.cache
def _own_schemes() -> frozenset[str]:
    """Return the schemes of Apprise's own services, by its documented description of itself."""
    described = _library().Apprise().details()["schemas"]
    return frozenset(
        scheme
        for each in described
        if each["category"] == "native"
        for scheme in (*(each["protocols"] or ()), *(each["secure_protocols"] or ()))
    )
