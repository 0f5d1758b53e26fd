"""Several servers on one Milvus, tried on one machine: nothing is lost when one of them ends, or the weights change.

The servers run the catalog's models alone, and are asked with embeddings in place of photos.
"""

import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from loadtest.fleet.balancer import MISSING as NO_BALANCER
from loadtest.fleet.balancer import Balancer, find_haproxy
from loadtest.fleet.milvus import MISSING as NO_MILVUS
from loadtest.fleet.milvus import find_milvus
from loadtest.fleet.requests import Requests, unit
from loadtest.fleet.scenario import Fleet, run
from mintmark import RequestTimeout, ServerUnavailable

pytestmark = [
    pytest.mark.server,
    pytest.mark.milvus,
    pytest.mark.slow,
    pytest.mark.skipif(find_milvus() is None, reason=NO_MILVUS),
]
needs_haproxy = pytest.mark.skipif(find_haproxy() is None, reason=NO_BALANCER)


@needs_haproxy
def test_one_is_killed_one_replaced_and_the_weights_change_under_load(tmp_path: Path) -> None:
    outcome = run(tmp_path, seconds=3)
    seen = outcome.seen
    assert seen.faults == [], "no caller saw an error"
    assert seen.wrong == [], "every search found what was enrolled before it, whichever server answered"
    assert (outcome.lost, outcome.unfound) == ([], [])
    assert outcome.views == len(seen.acknowledged), "what was sent twice is there once"
    moments = [moment for moment, _ in outcome.events]
    for begin, text in outcome.events:
        later = [one for one in seen.searches if one.end > begin]
        assert later or begin == moments[-1], f"no search was answered after: {text}"
    assert [one for one in seen.enrolments if one.end > moments[-3]], "enrolments went on with the new weights"


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with Fleet(tmp_path_factory.mktemp("fleet"), ("one",)) as fleet:
        fleet.threads.submit(fleet.start, "one").result()
        yield fleet


@needs_haproxy
def test_the_balancer_asks_for_health_by_grpc(fleet: Fleet, tmp_path: Path) -> None:
    """A port that is open is not enough; that of the metrics speaks no gRPC."""
    ports = {"grpc": fleet.ports["one"].grpc, "metrics": fleet.ports["one"].metrics}
    with Balancer(tmp_path, ports) as balancer:
        balancer.wait("metrics", up=False)
        assert balancer.up() == {"grpc"}
        requests = Requests(balancer.url)
        assert requests.ask("status")["entries"] >= 0
        requests.close()


def failures(fleet: Fleet) -> float:
    with urllib.request.urlopen(f"http://127.0.0.1:{fleet.ports['one'].metrics}/metrics", timeout=30) as answer:
        lines = answer.read().decode().splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith("mintmark_catalog_failures_total"))


def test_a_milvus_that_is_lost_and_comes_back(fleet: Fleet) -> None:
    requests, embedding = Requests(fleet.url("one")), unit(np.random.default_rng(5))
    assert requests.enroll(embedding, "kept") == "kept"
    before = failures(fleet)
    fleet.milvus.kill()
    with pytest.raises(
        ServerUnavailable, match=r"the Milvus server at 127\.0\.0\.1:\d+ failed: .* the next request tries"
    ):
        requests.search(embedding)
    with pytest.raises(ServerUnavailable, match="the Milvus server at"):
        requests.enroll(unit(np.random.default_rng(6)), "another")
    assert failures(fleet) > before
    fleet.milvus.start()
    deadline = time.monotonic() + 120
    while True:
        try:
            assert requests.search(embedding) == "kept"
            break
        except (ServerUnavailable, RequestTimeout):  # a Milvus that starts takes requests before it answers them
            assert time.monotonic() < deadline, "the server did not find Milvus again"
    lost = failures(fleet)
    assert requests.enroll(unit(np.random.default_rng(7)), "later") == "later"
    assert requests.search(unit(np.random.default_rng(7))) == "later"
    assert failures(fleet) == lost
    requests.close()
