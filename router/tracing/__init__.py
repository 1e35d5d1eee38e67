"""Traces of events: W3C contexts, sampling, and spans that are exported over OTLP.

The other packages use ``contexts`` and ``spans``. ``sdk_spans``, ``span_queue``, ``span_exporter`` and
``collector_session`` import the SDK, and are imported only if traces are on.
"""
