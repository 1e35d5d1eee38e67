"""Traces of events: W3C contexts, sampling, and spans that are exported over OTLP.

The other packages use ``contexts`` and ``spans``. ``sdk_spans`` and ``span_queue`` import the SDK,
and only if traces are on.
"""
