"""A small collector of OpenTelemetry: takes spans over HTTP, as JSON (Triton) or protobuf (Python)."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True)
class Span:
    """One span. Ids are hexadecimal; `parent` is '' for the first span of a trace."""

    name: str
    service: str
    trace: str
    id: str
    parent: str
    begin: int  # ns
    end: int  # ns


@dataclass
class Collector:
    """What has come in."""

    url: str = ""
    spans: list[Span] = field(default_factory=list)
    received: bytes = b""  # in all

    def named(self, service: str, name: str) -> list[Span]:
        """The spans of a service with a name."""
        return [span for span in self.spans if (span.service, span.name) == (service, name)]


@contextmanager
def collecting() -> Iterator[Collector]:
    """A collector on a free port of loopback."""
    there = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            data = self.rfile.read(int(self.headers["Content-Length"]))
            there.received += data
            if self.path == "/v1/traces":
                there.spans += _of_json(data) if "json" in self.headers["Content-Type"] else _of_protobuf(data)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        there.url = f"http://127.0.0.1:{server.server_port}"
        yield there
        server.shutdown()
        thread.join()


def _of_json(data: bytes) -> list[Span]:
    return [
        Span(
            span["name"],
            _service(
                (one["key"], one["value"].get("stringValue", "")) for one in resource["resource"].get("attributes", [])
            ),
            span["traceId"],
            span["spanId"],
            span.get("parentSpanId", ""),
            int(span["startTimeUnixNano"]),
            int(span["endTimeUnixNano"]),
        )
        for resource in json.loads(data)["resourceSpans"]
        for scope in resource["scopeSpans"]
        for span in scope["spans"]
    ]


def _of_protobuf(data: bytes) -> list[Span]:
    message = ExportTraceServiceRequest.FromString(data)
    return [
        Span(
            span.name,
            _service((one.key, one.value.string_value) for one in resource.resource.attributes),
            span.trace_id.hex(),
            span.span_id.hex(),
            span.parent_span_id.hex(),
            span.start_time_unix_nano,
            span.end_time_unix_nano,
        )
        for resource in message.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]


def _service(attributes: Iterator[tuple[str, str]]) -> str:
    return dict(attributes).get("service.name", "")
