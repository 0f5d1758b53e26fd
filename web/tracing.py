"""Traces of the gateway: each request and each camera frame is a span, which the server's spans belong to.

FastAPI makes the spans of requests, once somebody has said where they go.
"""

from collections.abc import MutableMapping
from contextlib import AbstractContextManager
from typing import Any

from fastapi.telemetry import TelemetryConfig
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from ensemble.tracing import TRACES_PATH

NAME = "mintmark-gateway"  # of this service in traces


def _is_watcher(scope: MutableMapping[str, Any]) -> bool:
    """Health is asked for again and again."""
    return scope.get("path") == "/api/health"


# What FastAPI makes: nothing of what people send, which its other spans and logs would hold.
TELEMETRY: TelemetryConfig = {"metrics": False, "logs": False, "operation_spans": False, "exclude": _is_watcher}


def send_to(collector: str) -> None:
    """Send the spans of this process to a collector from now on."""
    provider = TracerProvider(resource=Resource.create({"service.name": NAME}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(collector + TRACES_PATH)))
    trace.set_tracer_provider(provider)


def span(name: str) -> AbstractContextManager[Any]:
    """A span about something within a request, while the context lasts."""
    return trace.get_tracer(NAME).start_as_current_span(name)
