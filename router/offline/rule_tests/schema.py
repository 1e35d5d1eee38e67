"""JSON Schema of a file of rule tests, for completion and checks in editors."""

from typing import Any

from router.configuration.json_schema import DIALECT, described
from router.offline.rule_tests.model import TestsFile


def json_schema() -> dict[str, Any]:
    """Return the schema, in JSON Schema 2020-12."""
    (tests,), definitions = described((TestsFile,))
    return {
        "$schema": DIALECT,
        "title": "Rule tests of the event router",
        **tests,
        "$defs": definitions,
    }
