"""Every metric of the router.

Label values come from the configuration (rule and destination names) or from closed sets, never
from requests, so that a sender cannot create time series.
"""

from typing import Final, Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from router import prometheus_adapter

_LATENCY: Final = (
    *(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1),
    *(0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0, 600.0, 3600.0),
)
_EVENTS: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)

Aggregation = Literal["livemostrecent", "livesum", "livemax", "livemin"]
"""How the values of a gauge in several processes become one."""


class Metrics:
    """The metrics of one process. Their names are part of the public contract."""

    def __init__(self) -> None:
        prometheus_adapter.warn_once()
        self.registry = CollectorRegistry()
        counter, gauge = self._counter, self._gauge
        self._add_ingress_metrics()
        self.events_evaluated = counter(
            "events_evaluated", "Events evaluated, by outcome.", "outcome"
        )
        self.schema_violations = counter(
            "schema_violations", "Events whose data violates the documented schema of their type."
        )
        self.rule_matches = counter("rule_matches", "Events that match the rule.", "rule")
        self.rule_errors = counter(
            "rule_errors",
            "Events for which the rule's condition failed, for example by a missing field.",
            "rule",
        )
        self.alerts_notified = counter(
            "alerts_notified",
            "Notifications of alerts, resolved messages, reminders and escalations included.",
            "rule",
        )
        self.rule_missing_keys = counter(
            "rule_missing_keys",
            "Events without a value of the rule's `resolve.by` or `equal`, which pair with no other.",
            "rule",
        )
        self.severity_fallbacks = counter(
            "severity_fallbacks",
            "Matches for which the expression in the rule's `severity` selected none.",
            "rule",
        )
        self.evaluation_waiting = gauge(
            "evaluation_waiting",
            "1 while no batch is begun, because Redis is nearly full.",
            across="livemax",
        )
        self.evaluate_seconds = self._histogram(
            "evaluate_seconds", "Seconds to load, evaluate and finish one batch.", _LATENCY
        )
        self._add_keyed_alert_metrics()
        self.alerts_suppressed = counter(
            "alerts_suppressed", "Alerts suppressed, by reason.", "rule", "reason"
        )
        self.rule_state_overflows = counter(
            "rule_state_overflows",
            "Alerts evaluated without their state, because the rule has too many keys.",
            "rule",
        )
        self.rule_state_used_ratio = gauge(
            "rule_state_used_ratio",
            "Keys of the rule's fullest state / their largest number, if that is 0.5 or more.",
            "rule",
            across="livemax",
        )
        self.rule_events_left_out = counter(
            "rule_events_left_out",
            "Events that come to nothing in a rule, by reason.",
            "rule",
            "reason",
        )
        self.timers_dropped = counter(
            "timers_dropped",
            "Timers that did nothing because their rule or feature was removed, by feature.",
            "feature",
        )
        self.timers_judged_early = counter(
            "timers_judged_early",
            "Timers judged before an older batch was evaluated, because that was stuck, by feature.",
            "feature",
        )
        self.unknown_rules = gauge(
            "unknown_rules",
            "Features of rules whose timers wait, because the process that met them has no such rule.",
        )
        self.unreadable_records = gauge(
            "unreadable_records",
            "Records in Redis that could not be read and were set aside, by kind.",
            "kind",
        )
        self.template_errors = counter(
            "template_errors", "Templates that failed to render; the default text was sent."
        )
        self._add_delivery_metrics()
        self.worker_restarts = counter(
            "worker_restarts", "Workers restarted, mostly after Redis was unavailable.", "queue"
        )
        self.leases_lost = counter(
            "leases_lost",
            "Jobs that outlived their lease, so that another worker may have run them.",
            "queue",
        )
        self.jobs_requeued = counter(
            "jobs_requeued", "Jobs re-enqueued because open work had none."
        )
        self.queue_depth = gauge(
            "queue_depth", "Events or deliveries that are pending, in all processes.", "queue"
        )
        self.queue_oldest_age_seconds = gauge(
            "queue_oldest_age_seconds", "Age of the oldest due work in seconds.", "queue"
        )
        self.clock_offset_seconds = gauge(
            "clock_offset_seconds",
            "Seconds by which the clock of the process is ahead of Redis's.",
        )
        self.clock_set_back = counter(
            "clock_set_back",
            "Times that Redis's clock was found set back, and due times were moved.",
        )
        self.claims = gauge("claims", "Events that are remembered to recognise duplicates.")
        self.claims_bytes = gauge("claims_bytes", "Estimated memory of the claims.")
        self.dedup_window_seconds = gauge(
            "dedup_window_seconds", "Age up to which duplicates are recognised."
        )
        self.history_bytes = gauge(
            "history_bytes", "Memory of Redis that history uses, about.", across="livemax"
        )
        self.history_evicted = counter(
            "history_evicted", "Records of history deleted by this process, by age or for memory."
        )
        self.history_evicted_early = counter(
            "history_evicted_early",
            "Those of them that were younger than ROUTER_HISTORY: their memory was needed.",
        )
        self.claims_evicted = counter(
            "claims_evicted", "Claims evicted by this process, because Redis was nearly full."
        )
        self.quarantined = gauge("quarantined", "Events in quarantine.")
        self.rules_loaded = gauge("rules_loaded", "Rules loaded.", across="livemin")
        self.rules_last_reload_successful = gauge(
            "rules_last_reload_successful",
            "1 if the last reload succeeded, otherwise 0.",
            across="livemin",
        )
        self.rules_last_reload_timestamp_seconds = gauge(
            "rules_last_reload_timestamp_seconds",
            "Unix time at which the active rules were loaded.",
        )
        self.rules_reloads = counter(
            "rules_reloads", "Reloads of the rules folder, by outcome.", "outcome"
        )
        self.redis_memory_used_ratio = gauge(
            "redis_memory_used_ratio", "Used memory / maxmemory; 0 without a limit."
        )
        self.redis_up = gauge("redis_up", "1 if Redis takes writes, as of this scrape.")
        self._add_store_metrics()
        self.spans = counter(
            "spans", "Spans of traces that have ended, by whether they were exported.", "outcome"
        )

    def _add_keyed_alert_metrics(self) -> None:
        counter, gauge = self._counter, self._gauge
        self.alerts_late = counter(
            "alerts_late", "Alerts told after they were suppressed, when that ended.", "rule"
        )
        self.alerts_reminded = counter(
            "alerts_reminded", "Reminders of alerts that are still firing.", "rule"
        )
        self.keyed_alerts_overflowed = counter(
            "keyed_alerts_overflowed",
            "Alerts told without being remembered, because there are too many keyed alerts.",
            "rule",
        )
        self.keyed_alerts = gauge("keyed_alerts", "Keyed alerts stored, resolved ones included.")
        self.keyed_alerts_used_ratio = gauge(
            "keyed_alerts_used_ratio",
            "Keyed alerts / their largest number, of all rules and of one.",
            "bound",
        )
        self.looks_overdue_seconds = gauge(
            "looks_overdue_seconds",
            "Seconds for which the oldest keyed alert that is due waits to be judged again.",
        )

    def _add_store_metrics(self) -> None:
        counter, gauge = self._counter, self._gauge
        self.accepting = gauge(
            "accepting", "1 if an event would be accepted now, as /readyz says.", across="livemin"
        )
        self.start_time = gauge(
            "start_time_seconds", "Unix time at which the process was started.", across="livemax"
        )
        self.store_created_timestamp_seconds = gauge(
            "store_created_timestamp_seconds", "Unix time at which the store was empty."
        )
        self.work_missing = gauge(
            "work_missing",
            "Records that the ledger counts as stored while Redis has none of their kind.",
            "kind",
            across="livemax",
        )
        self.store_resets = counter(
            "store_resets", "Times that this process found Redis emptied or replaced."
        )
        self.store_failovers = counter(
            "store_failovers", "Failovers of Redis to a replica that this process has seen."
        )
        self.store_missing_events = counter(
            "store_missing_events",
            "Events, at most, that Redis acknowledged to this process and has lost.",
        )
        self.store_missing_bytes = counter(
            "store_missing_bytes",
            "Bytes of Redis's replication, at least, that a promoted replica did not have.",
        )

    def _add_delivery_metrics(self) -> None:
        counter, gauge = self._counter, self._gauge
        self.deliveries = counter(
            "deliveries", "Deliveries that have ended, by outcome.", "destination", "outcome"
        )
        self.delivery_attempts = counter(
            "delivery_attempts", "Attempts at deliveries, by outcome.", "destination", "outcome"
        )
        self.delivery_attempt_seconds = self._histogram(
            "delivery_attempt_seconds", "Seconds of one attempt.", _LATENCY, "destination"
        )
        self.delivery_latency_seconds = self._histogram(
            "delivery_latency_seconds",
            "Seconds from the arrival of an event to a delivery.",
            _LATENCY,
        )
        self.circuit_state = gauge(
            "circuit_state",
            "0 closed, 1 half open, 2 open (no attempts).",
            "destination",
            across="livemax",
        )
        self.dead_letters = gauge("dead_letters", "Dead letters stored.", "destination")
        self.deliveries_overtaken = gauge(
            "deliveries_overtaken",
            "Deliveries dropped because their receiver was told something later of the same key.",
            "destination",
        )
        self.deliveries_superseded = gauge(
            "deliveries_superseded",
            "Deliveries replaced by one of the same event, accepted again, or by a later one of their key.",
            "destination",
        )
        self.destination_paused = gauge(
            "destination_paused",
            "1 while the destination is paused or disabled, by reason.",
            "destination",
            "reason",
        )

    def _add_ingress_metrics(self) -> None:
        counter, gauge = self._counter, self._gauge
        self.events_received = counter(
            "events_received",
            "Events received, by source and outcome.",
            "source",
            "outcome",
        )
        self.requests_refused = counter(
            "requests_refused", "Requests rejected with 4xx or 5xx, by status.", "source", "status"
        )
        self.connections = gauge(
            "connections", "Open connections of this process.", across="livesum"
        )
        self.connections_refused = counter(
            "connections_refused", "Connections that a limit closed.", "reason"
        )
        self.twilio_test_events = counter(
            "twilio_test_events", "Test events received from Twilio sinks."
        )
        self.ingress_request_seconds = self._histogram(
            "ingress_request_seconds", "Seconds to read, commit and answer a request.", _LATENCY
        )
        self.commit_seconds = self._histogram(
            "commit_seconds", "Seconds of one commit, which is one round trip to Redis.", _LATENCY
        )
        self.commit_events = self._histogram("commit_events", "Events in one commit.", _EVENTS)
        self.kinesis_shards = gauge(
            "kinesis_shards", "Shards that this process reads.", across="livesum"
        )
        self.kinesis_lag_seconds = gauge(
            "kinesis_lag_seconds",
            "Lag in seconds of the shard with the largest lag.",
            across="livemax",
        )
        self.kinesis_errors = counter(
            "kinesis_errors", "Calls of Kinesis that failed, by its error code.", "error"
        )

    def exposition(self, accept: str) -> tuple[bytes, str]:
        """Return the metrics as text, and its content type, negotiated by the Accept header.

        With several processes behind one port, the text aggregates the metrics of all of them.
        """
        return prometheus_adapter.encode(self.registry, accept)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"router_{name}", text, labels, registry=self.registry)

    def _gauge(
        self, name: str, text: str, *labels: str, across: Aggregation = "livemostrecent"
    ) -> Gauge:
        """Create a gauge; ``across`` aggregates processes, most of which report the same Redis."""
        return Gauge(
            f"router_{name}", text, labels, registry=self.registry, multiprocess_mode=across
        )

    def _histogram(
        self, name: str, text: str, buckets: tuple[float, ...], *labels: str
    ) -> Histogram:
        return Histogram(f"router_{name}", text, labels, buckets=buckets, registry=self.registry)
