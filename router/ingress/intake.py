"""The parts that all sources of events of a process share."""

import msgspec

from router.clock import Clock
from router.ingress.admission import AdmissionControl
from router.ingress.commit import EventCommit
from router.ingress.kinesis.records import RecordLimits
from router.ingress.request_traces import RequestTraces
from router.ingress.source_record import SourceRecord
from router.metrics import Metrics


class Intake(msgspec.Struct, frozen=True):
    """From the events of any source to the journal."""

    commit: EventCommit
    """Makes events durable."""
    admission: AdmissionControl
    """Rejects events while Redis is unsound or nearly full."""
    source_record: SourceRecord
    """Counts the requests of each source for operators."""
    metrics: Metrics
    clock: Clock
    record_limits: RecordLimits = RecordLimits()
    """The limits of a stream's records."""
    traces: RequestTraces | None = None
    """Begins traces; None if they are off."""
