"""`mintmark reembed`: new weights for old photos."""

import pytest

from mintmark import Client, MockTransport
from tests.python_client.fake_coin_server import FakeCoinServer
from tests.python_client.samples import Capture, Run, run_on


@pytest.fixture
def stale(server: FakeCoinServer) -> FakeCoinServer:
    """Ten views by other weights than the server's, one of them without a picture."""
    for number in range(10):
        server.add(f"coin {number}", (1, number))
    server.catalog.views[4].picture = b""
    server.catalog.model = "new"
    return server


def _operations(server: FakeCoinServer) -> list[str]:
    return [operation for operation in server.operations if operation != "status"]


def test_reembed(run: Run, stale: FakeCoinServer, capsys: Capture) -> None:
    """It embeds until nothing is left, then switches. It reports views that cannot be embedded."""
    assert run("reembed", "--batch", 4) == 0
    out, err = capsys.readouterr()
    assert _operations(stale) == ["reembed", "reembed", "reembed", "reembed", "switch"]
    assert out == "brought 9 views up to date; 9 embeddings more in use from now on\n"
    assert "brought up to date: 9 of 9" in err
    assert "1 view cannot be brought up to date without a stored picture: enroll the photos again" in err
    assert [set(view.embeddings) for view in stale.catalog.views[3:5]] == [{"abc123", "new"}, {"abc123"}]


def test_forget(run: Run, stale: FakeCoinServer, capsys: Capture) -> None:
    """Old embeddings are deleted only after the switch."""
    assert run("reembed", "--forget") == 0
    assert _operations(stale)[-2:] == ["switch", "forget"]
    assert "dropped 10 embeddings by other weights" in capsys.readouterr().out
    assert set(stale.catalog.views[0].embeddings) == {"new"}


def test_work_that_was_broken_off_goes_on(run: Run, stale: FakeCoinServer, capsys: Capture) -> None:
    """Embeddings of an interrupted run are not made again, and count after the switch."""
    with Client(transport=MockTransport(stale)) as client:
        client.reembed(5)
    assert run("reembed") == 0
    assert capsys.readouterr().out == "brought 4 views up to date; 9 embeddings more in use from now on\n"


def test_nothing_to_do(run: Run, server: FakeCoinServer, capsys: Capture) -> None:
    """This is no error."""
    server.add("coin", (1,))
    assert run("reembed") == 0
    assert capsys.readouterr().out == "brought 0 views up to date; 0 embeddings more in use from now on\n"


def test_server_that_does_not_get_on(stale: FakeCoinServer, capsys: Capture) -> None:
    """The command stops, and nothing is switched."""
    stale.catalog._do_reembed = lambda limit: {"done": 0, "left": 3, "lost": 0}  # type: ignore[method-assign]
    assert run_on(stale, "reembed") == 1
    assert "did none of the 3 views" in capsys.readouterr().err
    assert _operations(stale) == ["reembed"]
