"""Bodies that never end are many here, and the server reads the rest of each for a while."""

import pytest

from router.http import connection_limits


@pytest.fixture(autouse=True)
def _short_lingering_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The senders are on this machine, and read the response at once."""
    monkeypatch.setattr(connection_limits, "_LINGERING_TIME", 0.3)
