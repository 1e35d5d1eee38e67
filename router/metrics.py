"""Every metric in one list; the log formatter.

Labels come from the configuration only (rule and destination names) or from closed sets, never
from the wire: a stranger cannot make series.
"""

from typing import Final, Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, values
from prometheus_client.exposition import choose_encoder
from prometheus_client.multiprocess import MultiProcessCollector

_LATENCY: Final = (
    *(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1),
    *(0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0, 600.0, 3600.0),
)
_EVENTS: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
# Decided by prometheus-client when it is imported, from PROMETHEUS_MULTIPROC_DIR.
_IS_ONE_OF_SEVERAL: Final = values.ValueClass is not values.MutexValue

Across = Literal["livemostrecent", "livesum", "livemax", "livemin"]


class Metrics:
    """One process's metrics. Names are part of the public contract."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        counter, gauge = self._counter, self._gauge
        self._of_ingress()
        self.events_evaluated = counter(
            "events_evaluated", "Events judged, by what came of them.", "outcome"
        )
        self.schema_violations = counter(
            "schema_violations", "Events of a known type that depart from its documented schema."
        )
        self.rule_matches = counter("rule_matches", "Events for which the rule holds.", "rule")
        self.rule_errors = counter(
            "rule_errors", "Events the rule could not judge: a missing field, say.", "rule"
        )
        self.evaluate_seconds = self._histogram(
            "evaluate_seconds", "One batch, loaded, judged and finished.", _LATENCY
        )
        self.alerts_suppressed = counter(
            "alerts_suppressed", "Alerts held back, by reason.", "rule", "reason"
        )
        self.rule_state_overflows = counter(
            "rule_state_overflows",
            "Alerts judged without their state, for the rule has too many keys.",
            "rule",
        )
        self.template_errors = counter(
            "template_errors", "Templates that failed; the plain form was sent."
        )
        self._of_deliveries()
        self.worker_restarts = counter(
            "worker_restarts", "Times a worker was rebuilt, mostly after Redis was away.", "queue"
        )
        self.jobs_requeued = counter("jobs_requeued", "Open work that had lost its job.")
        self.queue_depth = gauge(
            "queue_depth", "Events, or deliveries, that wait (all processes).", "queue"
        )
        self.queue_oldest_age_seconds = gauge(
            "queue_oldest_age_seconds", "How long the oldest due work has waited.", "queue"
        )
        self.quarantined = gauge("quarantined", "Events in quarantine.")
        self.rules_loaded = gauge("rules_loaded", "Rules in force.", across="livemin")
        self.rules_last_reload_successful = gauge(
            "rules_last_reload_successful",
            "1 when the rules folder was read without a finding.",
            across="livemin",
        )
        self.rules_last_reload_timestamp_seconds = gauge(
            "rules_last_reload_timestamp_seconds", "When the rules in force were read, Unix time."
        )
        self.rules_reloads = counter(
            "rules_reloads", "Times the rules folder was read again.", "outcome"
        )
        self.redis_memory_used_ratio = gauge(
            "redis_memory_used_ratio", "Used memory / maxmemory; 0 where there is no limit."
        )
        self.redis_up = gauge("redis_up", "1 when Redis answered at this scrape.")

    def _of_deliveries(self) -> None:
        counter, gauge = self._counter, self._gauge
        self.deliveries = counter(
            "deliveries", "Deliveries that have ended, by outcome.", "destination", "outcome"
        )
        self.delivery_attempts = counter(
            "delivery_attempts", "Attempts at deliveries, by outcome.", "destination", "outcome"
        )
        self.delivery_attempt_seconds = self._histogram(
            "delivery_attempt_seconds", "One attempt.", _LATENCY, "destination"
        )
        self.delivery_latency_seconds = self._histogram(
            "delivery_latency_seconds", "From the event's arrival to its delivery.", _LATENCY
        )
        self.circuit_state = gauge(
            "circuit_state",
            "0 closed, 1 half open, 2 open: nothing is sent.",
            "destination",
            across="livemax",
        )
        self.dead_letters = gauge("dead_letters", "Deliveries given up and kept.", "destination")
        self.destination_paused = gauge(
            "destination_paused",
            "1 while the destination is paused or disabled.",
            "destination",
            "reason",
        )

    def _of_ingress(self) -> None:
        counter, gauge = self._counter, self._gauge
        self.events_received = counter(
            "events_received",
            "Events at the door, by way in and by what became of them.",
            "source",
            "outcome",
        )
        self.requests_refused = counter(
            "requests_refused", "Requests answered with 4xx or 5xx.", "source", "status"
        )
        self.connections = gauge(
            "connections", "Open connections of this process.", across="livesum"
        )
        self.connections_refused = counter(
            "connections_refused", "Connections closed before they had a request.", "reason"
        )
        self.twilio_test_events = counter(
            "twilio_test_events", "Test events of Twilio sinks that came in."
        )
        self.ingress_request_seconds = self._histogram(
            "ingress_request_seconds", "Request read, committed and answered.", _LATENCY
        )
        self.commit_seconds = self._histogram(
            "commit_seconds", "One commit: one round trip to Redis.", _LATENCY
        )
        self.commit_events = self._histogram("commit_events", "Events in one commit.", _EVENTS)
        self.kinesis_shards = gauge(
            "kinesis_shards", "Shards that this process reads.", across="livesum"
        )
        self.kinesis_lag_seconds = gauge(
            "kinesis_lag_seconds",
            "How far the shard that is furthest behind is behind.",
            across="livemax",
        )

    def exposition(self, accept: str) -> tuple[bytes, str]:
        """The metrics as text and its content type, as the Accept header wants them.

        Of several processes behind one port, those of all of them together.
        """
        encode, content_type = choose_encoder(accept)
        if not _IS_ONE_OF_SEVERAL:
            return encode(self.registry), content_type
        together = CollectorRegistry()
        MultiProcessCollector(together)  # type: ignore[no-untyped-call]
        return encode(together), content_type

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"router_{name}", text, labels, registry=self.registry)

    def _gauge(
        self, name: str, text: str, *labels: str, across: Across = "livemostrecent"
    ) -> Gauge:
        """``across`` says what stands for all processes: most gauges show the one store."""
        return Gauge(
            f"router_{name}", text, labels, registry=self.registry, multiprocess_mode=across
        )

    def _histogram(
        self, name: str, text: str, buckets: tuple[float, ...], *labels: str
    ) -> Histogram:
        return Histogram(f"router_{name}", text, labels, buckets=buckets, registry=self.registry)
