"""A router that some events end: a crash in a library, or the kernel's out-of-memory killer.

``python -m support.poisoned COMMAND``: as ``python -m router``, but judging the event NO666 ends the
process, and so does rendering an alert of the event NO667.
"""

import os
from typing import Any

from router.alerts import Alert
from router.cli import main
from router.destinations import http
from router.events import Event
from router.worker import evaluate

_document = evaluate.document
_body = http.body


def document(event: Event) -> dict[str, Any]:
    if event.id == "NO666":
        os._exit(139)
    return _document(event)


def body(alert: Alert, *more: Any) -> bytes:
    if alert.event_id == "NO667":
        os._exit(137)
    return _body(alert, *more)


if __name__ == "__main__":
    evaluate.document = document
    http.body = body
    main()
