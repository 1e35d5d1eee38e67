"""Values of settings that are written as elsewhere."""

import pytest

from router.errors import SettingsError
from router.settings.model import Settings


@pytest.mark.parametrize(
    ("name", "text", "meant"),
    [
        ("LOG_LEVEL", "DEBUG", "debug"),
        ("LOG_LEVEL", "warn", "warning"),
        ("LOG_LEVEL", "verbose", "debug"),
        ("LOG_LEVEL", "critical", "error"),
        ("LOG_FORMAT", "plain", "text"),
        ("EVENTS_OPEN", "true", "yes"),
        ("EVENTS_OPEN", "1", "yes"),
        ("EVENTS_OPEN", "off", "no"),
        ("TRACES", "on", "otlp"),
        ("TRACES", "false", "off"),
        ("TRACES", "jaeger", "otlp"),
        ("DEDUP_WINDOW", "24 hours", "24h"),
        ("DEDUP_WINDOW", "P1D", "1d"),
        ("DEDUP_WINDOW", "3600", "3600s"),
        ("HISTORY", "off", "0"),
        ("HISTORY", "1 week", "7d"),
        ("MAX_BODY", "1M", "1MiB"),
        ("MAX_BODY", "512 kb", "512KiB"),
        ("TRUSTED_PROXIES", "localhost, 10.1.2.3/8", "127.0.0.0/8, 10.0.0.0/8"),
    ],
)
def test_the_value_that_was_meant_is_named(name: str, text: str, meant: str) -> None:
    with pytest.raises(SettingsError) as raised:
        Settings.read({f"ROUTER_{name}": text})
    assert str(raised.value).endswith(f", did you mean {meant}?")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("DEDUP_WINDOW", "off"),  # 0 is out of its bounds
        ("DEDUP_WINDOW", "9" * 20),
        ("MAX_BODY", "1TB"),
        ("MAX_BODY", "9G"),
        ("TRUSTED_PROXIES", "proxy.example.com"),
        ("LOG_LEVEL", "xyzzy"),
        ("PORT", "http"),
    ],
)
def test_nothing_is_named_that_would_be_wrong_too(name: str, text: str) -> None:
    with pytest.raises(SettingsError) as raised:
        Settings.read({f"ROUTER_{name}": text})
    assert "did you mean" not in str(raised.value)
