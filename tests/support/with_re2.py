"""The mark of tests whose patterns need google-re2, without which the router works too."""

from typing import Final

import pytest

from router.regex import HAS_RE2

NEEDS_RE2: Final = pytest.mark.skipif(not HAS_RE2, reason="google-re2 is not installed")
