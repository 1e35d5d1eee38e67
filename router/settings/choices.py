"""The settings whose value is one of a few words."""

import enum


class Durability(enum.StrEnum):
    """The reaction to a Redis that may lose events (``ROUTER_DURABILITY``)."""

    STRICT = "strict"
    """Refuse to start."""
    RELAXED = "relaxed"
    """Log a warning."""


class AcceptFsync(enum.StrEnum):
    """Whether a 2xx waits until the events are on disk (``ROUTER_ACCEPT_FSYNC``)."""

    REDIS = "redis"
    """As Redis's ``appendfsync`` says."""
    WAIT = "wait"
    """Wait for the fsync of the append-only files."""


class Egress(enum.StrEnum):
    """The addresses that destinations may connect to (``ROUTER_EGRESS``)."""

    OPEN = "open"
    """Any address except link-local ones and those of cloud metadata services."""
    PUBLIC = "public"
    """Addresses of the public internet only."""


class EventsOpen(enum.StrEnum):
    """The events that ``/events`` accepts without a token (``ROUTER_EVENTS_OPEN``)."""

    NO = "no"
    """None."""
    YES = "yes"
    """All except those of Twilio's types, which only Twilio's signature or a token proves."""
    ALL = "all"
    """Those of Twilio's types too."""


class Traces(enum.StrEnum):
    """The destination of spans (``ROUTER_TRACES``)."""

    OFF = "off"
    """None: no span is made."""
    OTLP = "otlp"
    """A collector, over OTLP."""


class TracesContinue(enum.StrEnum):
    """The senders whose traces are continued (``ROUTER_TRACES_CONTINUE``)."""

    VERIFIED = "verified"
    """Those who prove who they are, by a signature, a token, a verifier or the rights to a stream, or are trusted without."""
    ALL = "all"
    """Those of open endpoints too."""
    NONE = "none"
    """None: each trace begins here."""


class KeptBody(enum.StrEnum):
    """The part of an event's body that history keeps (``ROUTER_HISTORY_BODIES``)."""

    FULL = "full"
    """All of it, with the fields of ``ROUTER_MASKED_FIELDS`` masked."""
    FIELDS = "fields"
    """The attributes, and the fields that a rule reads."""
    NONE = "none"
    """The attributes only."""


class LogFormat(enum.StrEnum):
    """The format of log lines (``ROUTER_LOG_FORMAT``)."""

    JSON = "json"
    TEXT = "text"


class LogLevel(enum.StrEnum):
    """The lowest level that is logged (``ROUTER_LOG_LEVEL``)."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
