"""Schedules in their YAML form."""

import pytest

from router.rules.schedules.schedule_text import zone


@pytest.mark.parametrize("name", ["localtime", "posixrules", "Factory", "right/UTC", "posix/UTC"])
def test_a_zone_that_only_some_machines_have_is_refused(name: str) -> None:
    """Case R19."""
    with pytest.raises(ValueError, match="differs between machines"):
        zone(name)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("Europe/Berln", "Europe/Berlin"),
        ("europe/berlin", "Europe/Berlin"),
        ("Berlin", "Europe/Berlin"),
        ("new york", "America/New_York"),
        ("utc", "UTC"),
    ],
)
def test_a_misspelt_zone_gets_the_one_that_is_meant(name: str, meant: str) -> None:
    """Case R19."""
    with pytest.raises(ValueError, match=f'did you mean "{meant}"'):
        zone(name)
