"""The kind apprise works with an Apprise that lacks one of its undocumented names."""

import logging
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import apprise
import pytest

from router.destinations.transport import apprise_adapter
from router.destinations.transport.apprise_adapter import (
    logged,
    problems,
    redirect_log,
    service,
    service_name,
    warn_once,
)

URLS = {
    "custom_json": "json://localhost/hook",
    "slack": "https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ",
    "syslog": "syslog://",
    "telegram": "tgram://123456789:abcdefg_hijklmnop/12315544/",
}


@pytest.fixture(autouse=True)
def uncached() -> Iterator[None]:
    def clear() -> None:
        for cached in (
            *(apprise_adapter._has_modules, apprise_adapter._has_timeouts),
            *(apprise_adapter._own_schemes, warn_once),
        ):
            cached.cache_clear()

    clear()
    yield
    clear()


@pytest.fixture
def without_modules(monkeypatch: pytest.MonkeyPatch) -> None:
    """Apprise as if its services stood in other modules."""
    monkeypatch.setattr(apprise_adapter, "_PLUGINS", "apprise.services.")


def test_the_installed_apprise_has_every_name() -> None:
    assert problems() == []


@pytest.mark.parametrize("name", ["socket_connect_timeout", "socket_read_timeout"])
def test_a_missing_timeout_is_reported_and_given_in_the_url(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    asked: list[str] = []

    def instantiate(url: str, **_: object) -> SimpleNamespace:
        asked.append(url)
        return SimpleNamespace()

    monkeypatch.delattr(apprise.URLBase, name)
    monkeypatch.setattr(apprise.Apprise, "instantiate", staticmethod(instantiate))

    assert service("json://localhost/hook?x=1", timeout=7.5) is not None
    assert service("json://localhost/hook", timeout=7.5) is not None

    assert f"apprise.URLBase.{name} is missing" in problems()
    assert asked[:2] == [
        "json://localhost/hook?x=1&cto=7.5&rto=7.5",
        "json://localhost/hook?cto=7.5&rto=7.5",
    ]


@pytest.mark.parametrize("url", URLS.values())
def test_both_ways_set_the_timeout_of_each_call(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    by_attribute = service(url, timeout=7.5)
    monkeypatch.setattr(apprise_adapter, "_has_timeouts", lambda: False)
    by_url = service(url, timeout=7.5)
    for made in (by_attribute, by_url):
        assert (made.socket_connect_timeout, made.socket_read_timeout) == (7.5, 7.5)


@pytest.mark.parametrize(("name", "url"), URLS.items())
def test_a_service_is_known_by_its_module(name: str, url: str) -> None:
    assert service_name(service(url)) == name


@pytest.mark.usefixtures("without_modules")
@pytest.mark.parametrize(
    ("scheme", "url"),
    [("json", URLS["custom_json"]), ("slack", URLS["slack"]), ("syslog", URLS["syslog"])],
)
def test_without_those_modules_a_service_is_known_by_its_scheme(scheme: str, url: str) -> None:
    assert problems() == ["apprise has no modules apprise.services.<name>"]
    assert service_name(service(url)) == scheme


@pytest.mark.parametrize("modules", [True, False])
def test_a_plug_in_has_no_name(monkeypatch: pytest.MonkeyPatch, *, modules: bool) -> None:
    class PlugIn:
        def url(self, *, privacy: bool) -> str:
            del privacy
            return "plugin://localhost"

    monkeypatch.setattr(apprise_adapter, "_has_modules", lambda: modules)
    assert service_name(PlugIn()) == ""


@pytest.mark.parametrize("url", ["nothing://x", "", "json"])
def test_a_url_without_a_service_gives_none(url: str) -> None:
    assert service(url) is None


@pytest.mark.usefixtures("without_modules")
def test_a_problem_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    warn_once()
    warn_once()
    (record,) = caplog.records
    assert record.getMessage() == "Apprise internals missing; documented API used instead"
    assert record.missing == "apprise has no modules apprise.services.<name>"


def test_apprises_log_is_collected_once_and_stays_out_of_the_processs_log() -> None:
    redirect_log()
    redirect_log()
    logged.lines = []
    logging.getLogger("apprise").warning("token %s", "s3cret")
    assert logged.lines == ["token s3cret"]
    assert not any(logging.getLogger(name).propagate for name in ("apprise", "urllib3", "requests"))


def test_only_the_adapter_imports_apprise() -> None:
    root = Path(apprise_adapter.__file__).parents[2]
    importing = {
        path.name
        for path in root.rglob("*.py")
        if re.search(
            r"^\s*(from|import) apprise\b|import_module\(\"apprise", path.read_text(), re.MULTILINE
        )
    }
    assert importing == {"apprise_adapter.py"}
