"""Step times of a real server, and a plan made with them; no figure is judged."""

from pathlib import Path

import pytest

from ensemble.contract import COIN_EMBEDDING, SEARCH
from loadtest.host import Host
from loadtest.planning import __main__ as planning
from loadtest.planning.step_times import Times, measure

pytestmark = pytest.mark.server


def test_step_times_are_measured_and_planned_with(there: Host, tmp_path: Path) -> None:
    times = measure(there, cores=2, seconds=0.1)
    times.save(tmp_path / "steps.json")
    assert Times.load(tmp_path / "steps.json") == times
    assert [step.model for step in times.steps] == [COIN_EMBEDDING.name, SEARCH.name]
    chain, search = times.steps
    assert set(chain.seconds) == set(chain.cores) == set(range(1, chain.instances + 1))
    assert set(search.seconds) == {1}
    table = ["table", "--stages", str(tmp_path / "steps.json"), "--machines", "1", "--sample", "200"]
    assert planning.main(table) == 0
