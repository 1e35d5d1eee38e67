"""Builds the ingress: from a request or a stream's record to the journal. No other module does."""

from collections.abc import Callable, Sequence

import msgspec
from aiohttp import web

from router.api.access import Access
from router.api.alert_page import AlertPages
from router.api.signed_links import link_signer
from router.api.twilio_tests import TwilioTestsApi
from router.clock import Clock
from router.events.limits import max_request_values
from router.ingress.admission import AdmissionControl
from router.ingress.commit import EventCommit
from router.ingress.endpoints import Ingress
from router.ingress.intake import Intake
from router.ingress.kinesis.consumer import consume
from router.ingress.kinesis.records import RecordLimits
from router.ingress.kinesis.stream_health import StreamHealth
from router.ingress.reception import Reception
from router.ingress.request_traces import RequestTraces
from router.ingress.source_endpoint import SourceEndpoint
from router.ingress.source_record import SourceRecord
from router.ingress.source_table import SourceTable
from router.journal.batches import Batches
from router.journal.confirmation import CONFIRMATION_SHARE, Confirmation
from router.journal.connection import Connection
from router.journal.shown_alerts import ShownAlerts
from router.journal.twilio_tests import SinkTests
from router.metrics import Metrics
from router.runtime.build_environment import build_environment
from router.runtime.roles import Background, StreamSource
from router.runtime.url_fetcher import UrlFetcher
from router.settings.choices import AcceptFsync
from router.settings.model import Settings
from router.sources.contract import VerifierEnvironment
from router.sources.mapping import MappingLimits
from router.sources.spec import SourceSpec
from router.tracing.process import ProcessTraces


def confirmation(settings: Settings) -> Confirmation:
    """Return the confirmation that the settings demand."""
    return Confirmation(
        replicas=settings.accept_replicas,
        fsync=settings.accept_fsync is AcceptFsync.WAIT,
        timeout_ms=int(settings.commit_timeout * 1000 * CONFIRMATION_SHARE),
    )


def build_intake(
    settings: Settings,
    connection: Connection,
    admission: AdmissionControl,
    source_record: SourceRecord,
    metrics: Metrics,
    clock: Clock,
) -> tuple[Intake, list[Background]]:
    """Return the intake that all sources of events share, and its tasks."""
    commit = EventCommit(
        Batches(connection, clock, admission.accepted, confirmation(settings)),
        admission,
        metrics,
        interval=settings.commit_interval,
        max_waiting=settings.max_waiting_events,
        monotonic=clock.monotonic,
    )
    record_limits = RecordLimits(
        max_events=settings.max_events_per_request,
        max_depth=settings.max_depth,
        max_values=max_request_values(settings.max_body),
    )
    intake = Intake(commit, admission, source_record, metrics, clock, record_limits)
    return intake, [("commit", commit.run()), ("sources", source_record.run())]


def traced(settings: Settings, intake: Intake, traces: ProcessTraces | None) -> Intake:
    """Return an intake that begins the traces of what arrives; the same one if they are off."""
    if traces is None:
        return intake
    return msgspec.structs.replace(
        intake, traces=RequestTraces(traces.tracer, settings.traces_continue)
    )


def build_ingress_routes(
    settings: Settings,
    connection: Connection,
    intake: Intake,
    access: Access,
    sources: Callable[[], Sequence[SourceSpec]],
) -> tuple[list[web.RouteDef], list[web.RouteDef]]:
    """Return the routes of senders and recipients, and those of operators.

    The first receive events over HTTP and serve the links in alerts. ``sources`` returns those of the
    active configuration.
    """
    sink_tests = SinkTests(connection)
    reception = Reception(settings, intake, sink_tests)
    routes = [
        *Ingress(settings, reception, intake.metrics).routes(),
        *_source_endpoint(settings, reception, sources).routes(),
    ]
    signer = link_signer(settings)
    if signer is not None:
        shown = ShownAlerts(connection, intake.clock, lasts=settings.link_lifetime)
        routes += AlertPages(signer, connection, shown, intake.clock, access).routes()
    return routes, TwilioTestsApi(sink_tests, access).routes()


def _source_endpoint(
    settings: Settings, reception: Reception, sources: Callable[[], Sequence[SourceSpec]]
) -> SourceEndpoint:
    clock = reception.clock
    environment = build_environment(settings, clock.now, on_template_error=lambda _: None)
    fetch = UrlFetcher(environment).fetch
    table = SourceTable(
        sources,
        VerifierEnvironment(
            auth_tokens=settings.twilio_auth_tokens,
            trusted_proxies=settings.trusted_proxies,
            fetch=fetch,
        ),
        MappingLimits.of(settings),
        clock.new_id,
        clock.monotonic,
    )
    return SourceEndpoint(settings, reception, table, fetch)


def build_stream_reader(
    settings: Settings, connection: Connection, intake: Intake, source: StreamSource
) -> Background:
    """Return the task that reads events from a stream."""
    health = StreamHealth(intake.metrics)
    intake.admission.add_source(health.not_ready_reason)
    reading = consume(
        source.make(), connection, intake, health, lease=settings.job_lease, since=source.since
    )
    return "kinesis", reading
