"""The admission of ingress to a Redis, as the application builds it."""

from router.clock import system_clock
from router.ingress.admission import AdmissionControl
from router.journal.connection import Connection
from router.journal.store_check import StoreProbe
from router.journal.store_watch import StoreWatch
from router.metrics import Metrics


def admission_to(connection: Connection, *, strict: bool) -> AdmissionControl:
    """Return the admission of one process."""
    probe = StoreProbe(connection, system_clock().new_id)
    return AdmissionControl(connection, probe, StoreWatch(Metrics()), strict=strict)
