"""Traces: a program's, the gateway's, the client's and Triton's spans are one tree, seen by a collector."""

import re
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest
from websockets.sync.client import connect
from websockets.typing import Origin

from tests.server.collector import Collector, Span, collecting
from tests.server.conftest import ROOT, SERVE_PYTHON, Coin, Running, jpeg, launch

pytestmark = pytest.mark.server

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
PROGRAM = """
import sys
from pathlib import Path
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from mintmark import Client

collector, url, photo = sys.argv[1:]
provider = TracerProvider(resource=Resource.create({"service.name": "program"}))
provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(collector + "/v1/traces")))
trace.set_tracer_provider(provider)
with Client(url) as client, trace.get_tracer("program").start_as_current_span("sort a box"):
    client.recognize(Path(photo))
"""


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    """A collector."""
    with collecting() as there:
        yield there


@pytest.fixture(scope="module")
def traced(collector: Collector, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, str]]:
    """A server that sends traces, and the address of its gateway."""
    folder = tmp_path_factory.mktemp("traced")
    running = launch(folder, "--web", "--traces", collector.url)
    until = time.monotonic() + 20
    while (said := re.search(r"browser: (\S+)", (folder / "output.txt").read_text())) is None:
        assert time.monotonic() < until
        time.sleep(0.1)
    yield running, said[1]
    running.stop()


def wait(found: Callable[[], bool]) -> None:
    """Spans are sent some seconds after they end."""
    until = time.monotonic() + 30
    while not found():
        assert time.monotonic() < until, "the spans did not come"
        time.sleep(0.2)


def only(spans: list[Span]) -> Span:
    assert len(spans) == 1, [(one.name, one.service, one.begin, one.end) for one in spans]
    return spans[0]


def child(collector: Collector, parent: Span, service: str, name: str) -> Span:
    """The span of a service with a name below another one, in which it begins; Triton ends its own after its answer."""
    found = only([span for span in collector.named(service, name) if span.parent == parent.id])
    slack = 5_000_000  # ns: several processes read the clock
    assert parent.begin - slack <= found.begin <= min(found.end, parent.end)
    assert found.trace == parent.trace
    return found


def test_from_the_browser_to_the_model(traced: tuple[Running, str], collector: Collector, coins: list[Coin]) -> None:
    photo = jpeg(coins[0].query)
    headers = {"Content-Type": "image/jpeg", "traceparent": f"00-{TRACE}-{PARENT}-01"}
    answer = httpx2.post(f"{traced[1]}/api/recognize", content=photo, headers=headers, timeout=30)
    assert answer.status_code == 200
    ours: Callable[[], list[Span]] = lambda: [span for span in collector.spans if span.trace == TRACE]  # noqa: E731
    wait(lambda: {"POST /api/recognize", "search"} <= {span.name for span in ours()})
    first = only([span for span in ours() if span.parent == PARENT])
    assert (first.service, first.name) == ("mintmark-gateway", "POST /api/recognize")
    asked = child(collector, first, "mintmark-gateway", "mintmark coin_search")
    inferred = child(collector, asked, "mintmark", "InferRequest")
    ensemble = child(collector, inferred, "mintmark", "coin_search")
    for step in ("coin_embedding", "search"):
        child(collector, ensemble, "mintmark", step)


def test_camera_frames_are_spans(traced: tuple[Running, str], collector: Collector, coins: list[Coin]) -> None:
    url = traced[1]
    with connect(f"{url.replace('http', 'ws', 1)}/api/frames", origin=Origin(url)) as camera:
        camera.send((1).to_bytes(4, "big") + jpeg(coins[0].query))
        camera.recv()
    wait(lambda: bool(collector.named("mintmark-gateway", "camera frame")))
    frame = only(collector.named("mintmark-gateway", "camera frame"))
    wait(lambda: any(span.name == "search" and span.trace == frame.trace for span in collector.spans))
    child(collector, frame, "mintmark-gateway", "mintmark coin_search")


def test_a_programs_spans_go_on_in_the_server(
    traced: tuple[Running, str], collector: Collector, coins: list[Coin], tmp_path: Path
) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(jpeg(coins[1].query))
    command = [str(ROOT / SERVE_PYTHON), "-c", PROGRAM, collector.url, traced[0].url, str(photo)]
    subprocess.run(command, check=True, cwd=ROOT)
    own = only(collector.named("program", "sort a box"))
    wait(lambda: any(span.name == "search" and span.trace == own.trace for span in collector.spans))
    asked = child(collector, own, "program", "mintmark coin_search")
    child(collector, asked, "mintmark", "InferRequest")


def test_health_checks_and_bad_headers_make_no_traces(
    traced: tuple[Running, str], collector: Collector, coins: list[Coin]
) -> None:
    assert httpx2.get(f"{traced[1]}/api/health").status_code == 200
    photo = jpeg(coins[2].query)
    headers = {"Content-Type": "image/jpeg", "traceparent": "00-" + "z" * 400}
    assert httpx2.post(f"{traced[1]}/api/recognize", content=photo, headers=headers, timeout=30).status_code == 200
    wait(lambda: len(collector.named("mintmark-gateway", "POST /api/recognize")) == 2)
    assert not [span for span in collector.spans if "health" in span.name]


def test_an_address_that_is_none_is_refused(tmp_path: Path) -> None:
    for module in ("server", "web"):
        command = [str(ROOT / SERVE_PYTHON), "-m", module, "--traces", "collector:4318"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 2 and "--traces" in done.stderr
