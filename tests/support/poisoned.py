"""A router that some events end: a crash in a library, or the kernel's out-of-memory killer.

``python -m support.poisoned COMMAND``: as ``python -m router``, but judging the event NO666 ends the
process, so does rendering an alert of the event NO667, and so does firing the timer of NO668.
"""

import os
from typing import Any

from router.alerts import Alert, Delivery
from router.cli import main
from router.destinations.rendering import json_body as bodies
from router.destinations.rendering import summary as render
from router.events.model import Event
from router.worker.evaluation import batch_job as evaluate

_document = evaluate.document
_body = bodies.alert_body
_decode = render.decode


def document(event: Event) -> dict[str, Any]:
    if event.id == "NO666":
        os._exit(139)
    return _document(event)


def body(delivery: Delivery, *more: Any) -> bodies.Body:
    if delivery.alert.event_id == "NO667":
        os._exit(137)
    return _body(delivery, *more)


def decode(alert: Alert) -> dict[str, Any]:
    if alert.event_id == "NO668":
        os._exit(139)
    return _decode(alert)


if __name__ == "__main__":
    evaluate.document = document
    bodies.alert_body = body
    render.decode = decode
    main()
