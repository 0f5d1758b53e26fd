"""All contenders answer alike and can be loaded, against a real server; no figure is judged."""

from collections.abc import Iterator

import pytest

from ensemble.graph import Target
from loadtest.compare.contenders.base import Contender
from loadtest.compare.figures import Comparison
from loadtest.compare.rounds import PYTORCH_TUNED, check_answers, contenders, run_rounds, started
from loadtest.host import Host

pytestmark = pytest.mark.server


@pytest.fixture(scope="module")
def running(there: Host) -> Iterator[list[Contender]]:
    """All contenders but the second one of PyTorch."""
    makers = contenders(there, cores=2, target=Target.CPU)
    del makers[PYTORCH_TUNED]
    with started(list(makers.values())) as all_of_them:
        yield all_of_them


def test_contenders_answer_alike_and_can_be_compared(running: list[Contender], there: Host) -> None:
    check_answers(running, there.queries[:3])
    runs = run_rounds(running, there.queries, concurrencies=[2], rounds=1, seconds=0.5)
    assert {run.contender for run in runs} == {contender.name for contender in running}
    for run in runs:
        assert run.failures == {}
        assert run.throughput > 0
        assert run.cpu_s > 0
        assert run.memory_mib > 100
    assert "mintmark" in Comparison(2, runs).text()
