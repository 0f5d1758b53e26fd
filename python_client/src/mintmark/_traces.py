"""Traces of OpenTelemetry, where the program that uses the client makes some: `pip install opentelemetry-api`.

Without the package, or without a tracer that the program has set up, nothing is made and nothing is sent.
"""

from collections.abc import Iterator
from contextlib import contextmanager

try:
    from opentelemetry import propagate, trace
except ImportError:
    trace = None  # type: ignore[assignment]


@contextmanager
def request(model: str) -> Iterator[dict[str, str]]:
    """A span about a request to a model of the server; gives the headers by which the server goes on with the trace."""
    if trace is None:
        yield {}
        return
    tracer = trace.get_tracer("mintmark")
    with tracer.start_as_current_span(f"mintmark {model}", kind=trace.SpanKind.CLIENT):
        headers: dict[str, str] = {}
        propagate.inject(headers)
        yield headers
