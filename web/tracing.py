"""Traces of the gateway: each request and each camera frame is a span, which the server's spans belong to.

FastAPI makes the spans of requests, once somebody has said where they go.
"""

import atexit
import logging
import threading
import time
from collections.abc import MutableMapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from fastapi.telemetry import TelemetryConfig
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import Status

from ensemble.tracing import TRACES_PATH

NAME = "mintmark-gateway"  # of this service in traces
# Attributes of a span; each has few values.
KEPT = ("http.request.method", "http.route", "http.response.status_code", "network.protocol.name", "error.type")
LAST_SECONDS = 3.0  # that the last spans have when the gateway ends
QUIET_SECONDS = 3600.0  # between two lines of the log about a collector


def _is_watcher(scope: MutableMapping[str, Any]) -> bool:
    """Health is asked for again and again."""
    return scope.get("path") == "/api/health"


# What FastAPI makes: nothing of what people send, which its other spans and logs would hold.
TELEMETRY: TelemetryConfig = {"metrics": False, "logs": False, "operation_spans": False, "exclude": _is_watcher}


def send_to(collector: str) -> None:
    """Send the spans of this process to a collector from now on, whatever becomes of it."""
    _log_seldom()
    provider = TracerProvider(resource=Resource.create({"service.name": NAME}), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(_Bare(OTLPSpanExporter(collector + TRACES_PATH))))
    trace.set_tracer_provider(provider)
    atexit.register(_end, provider)


def _end(provider: TracerProvider) -> None:
    """Send the last spans. By itself the library would wait half a minute for a collector that does not answer."""
    ending = threading.Thread(target=provider.shutdown, daemon=True)
    ending.start()
    ending.join(LAST_SECONDS)


def _log_seldom() -> None:
    """Without a collector, the library has several lines for each batch of spans."""
    log, handler = logging.getLogger("opentelemetry"), logging.StreamHandler()
    handler.setFormatter(logging.Formatter("traces: %(message)s"))
    handler.addFilter(_Seldom())
    log.addHandler(handler)
    log.propagate = False


class _Seldom(logging.Filter):
    """Lets a record through, and the next one after a while."""

    def __init__(self) -> None:
        super().__init__()
        self._next = float("-inf")

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is logged."""
        passes = time.monotonic() >= self._next
        if passes:
            self._next = time.monotonic() + QUIET_SECONDS
        return passes


class _Bare(SpanExporter):
    """Sends spans without what people sent: paths hold ids, queries names, and errors either.

    Args:
        exporter: that sends them.
    """

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send them."""
        return self._exporter.export([_bare(one) for one in spans])

    def shutdown(self) -> None:
        """Send nothing more."""
        self._exporter.shutdown()


def _bare(one: ReadableSpan) -> ReadableSpan:
    return ReadableSpan(
        one.name,
        one.context,
        one.parent,
        one.resource,
        {name: value for name, value in (one.attributes or {}).items() if name in KEPT},
        kind=one.kind,
        status=Status(one.status.status_code),
        start_time=one.start_time,
        end_time=one.end_time,
        instrumentation_scope=one.instrumentation_scope,
    )


def span(name: str) -> AbstractContextManager[Any]:
    """A span about something within a request, while the context lasts."""
    return trace.get_tracer(NAME).start_as_current_span(name)
