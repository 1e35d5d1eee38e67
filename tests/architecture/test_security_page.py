"""The table of endpoints in docs/explanation/security.md equals the routes and their credentials."""

import re
from pathlib import Path

from router.http.openapi_endpoint import PATH
from router.runtime import build_api

PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "security.md"
PUBLIC = ("/twilio", "/events", "/alerts/{token}")
_ROW = re.compile(r"^\| `([A-Z]+) (\S+)` \| (public|operations|both) \| (.*?) \|", re.MULTILINE)
CREDENTIALS = {
    (): "none",
    ("operator",): "`ROUTER_ADMIN_TOKEN`",
    ("operator", "viewer"): "`ROUTER_ADMIN_TOKEN`, `ROUTER_VIEWER_TOKEN`",
    ("events",): "`ROUTER_EVENTS_TOKEN`",
    ("signature", "sink"): "Twilio's signature, `ROUTER_TWILIO_BASIC_AUTH`",
}


def port_of(path: str) -> str:
    if path == "/healthz":
        return "both"
    return "public" if path in PUBLIC else "operations"


def test_the_page_has_each_endpoint_with_its_port_and_credential() -> None:
    """Seen to fail without the row of POST /events."""
    expected = {
        (
            operation.method,
            operation.path,
            port_of(operation.path),
            "the signed link"
            if operation.path.startswith("/alerts")
            else CREDENTIALS[operation.security],
        )
        for operation in build_api.OPERATIONS
    }
    expected.add(("GET", PATH, "operations", "none"))

    assert set(_ROW.findall(PAGE.read_text("utf-8"))) == expected
