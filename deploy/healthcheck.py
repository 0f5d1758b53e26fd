"""Checks whether the server can answer a search.

    python -m deploy.healthcheck [--live] [--sockets FOLDER]

It asks Triton itself, behind its gate, whether the server is ready, which means every model, whether the model `search`
is ready, and for one search: an index that is still loading, or a model that answers nothing, is not healthy. If
reading needs a token, the search sends the server's. It also looks for model processes that have died or are stopped,
which Triton does not notice. Exit status 0, or 1 with the reason.

With --live it asks only whether a new start would help: whether Triton answers and its processes run. A server that is
alive and not healthy, for example because its store cannot be reached, gets well by itself.
"""

import argparse
import inspect
import json
import math
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from deploy.environment import SettingsError, read_token
from deploy.settings import sockets_of
from ensemble import variables
from ensemble.contract import EMBEDDING, EMBEDDING_SIZE, FOUND, KNOWN, RELIEF, SEARCH, Tensor
from server.gate.settings import HTTP_SOCKET
from server.stubs import dead_stubs, stopped_stubs
from server.triton import ask, listener

TIMEOUT = 4.0  # s, for each request


class UnhealthyError(RuntimeError):
    """The server cannot answer a search; the message says what failed."""


def check(sockets: Path, timeout: float = TIMEOUT, token: str = "") -> None:
    """Ask a server.

    Args:
        sockets: folder of Triton's sockets.
        timeout: s, for each of the three requests.
        token: of those who may read; '' where everyone may.

    Raises:
        UnhealthyError: the server is not ready, or cannot answer a search.
    """
    _ask(sockets, "/v2/health/ready", None, timeout)
    _ask(sockets, f"/v2/models/{SEARCH.name}/ready", None, timeout)
    reply = _ask(sockets, f"/v2/models/{SEARCH.name}/infer", search_request(), timeout, token)
    try:
        outputs = {output["name"]: output["data"] for output in json.loads(reply)["outputs"]}
        answered = len(outputs[KNOWN.name]) == 1
    except (ValueError, KeyError, TypeError) as error:
        raise UnhealthyError(f"the search answered no outputs: {reply[:200]!r}") from error
    if not answered:
        raise UnhealthyError(f"the search answered empty outputs: {reply[:200]!r}")


def check_live(sockets: Path, timeout: float = TIMEOUT) -> None:
    """Ask a server whether it answers at all. Raises UnhealthyError: it does not."""
    _ask(sockets, "/v2/health/live", None, timeout)


def check_processes(sockets: Path, processes: Path = Path("/proc")) -> None:
    """Check the processes of a server's models.

    Raises:
        UnhealthyError: one has died or is stopped, or the server is gone.
    """
    try:
        triton = listener(sockets / HTTP_SOCKET) or None
    except OSError as error:
        raise UnhealthyError(f"the server is gone: {error}") from error
    if dead := dead_stubs(triton, processes):
        raise UnhealthyError(f"the process of a model has died: {', '.join(map(str, dead))}")
    if stopped := stopped_stubs(triton, processes):
        raise UnhealthyError(f"the process of a model is stopped: {', '.join(map(str, stopped))}")


def search_request() -> bytes:
    """A search for the best entry, as Triton's HTTP interface takes it. Its vector is of unit length, its map empty."""
    inputs = [_input(EMBEDDING, 0), _input(RELIEF, 0), _input(FOUND, 1)]
    inputs[0]["data"] = [1] + [0] * (EMBEDDING_SIZE - 1)
    request = {"inputs": inputs, "outputs": [{"name": KNOWN.name}], "parameters": {"k": 1}}
    return json.dumps(request).encode()


def _input(tensor: Tensor, value: int) -> dict[str, object]:
    """A tensor of a batch of one, filled with a value."""
    data = [value] * math.prod(tensor.dims)
    return {"name": tensor.name, "datatype": tensor.dtype.value, "shape": [1, *tensor.dims], "data": data}


def _ask(sockets: Path, path: str, body: bytes | None, timeout: float, token: str = "") -> bytes:
    headers = {"authorization": f"Bearer {token}"} if token else {}
    try:
        status, answer = ask(sockets / HTTP_SOCKET, "GET" if body is None else "POST", path, body, headers, timeout)
    except OSError as error:  # refused, timed out, closed
        raise UnhealthyError(f"{path} did not answer: {error}") from error
    if status != 200:
        raise UnhealthyError(f"{path} answered {status}: {answer[:200]!r}")
    return answer


def main(argv: Sequence[str] | None = None) -> int:
    """Command line; 1 where the server is not healthy."""
    parser = argparse.ArgumentParser(
        prog="python -m deploy.healthcheck",
        description=inspect.getdoc(sys.modules[__name__]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--sockets", type=Path, default=sockets_of(os.environ), help="folder of Triton's sockets (%(default)s)"
    )
    parser.add_argument("--live", action="store_true", help="ask only what a new start would mend")
    parser.add_argument("--timeout", type=float, default=TIMEOUT, help="s, for each request (%(default)s)")
    options = parser.parse_args(argv)
    try:
        if options.live:
            check_live(options.sockets, options.timeout)
        else:
            check(options.sockets, options.timeout, read_token(os.environ, variables.READ_TOKEN))
        check_processes(options.sockets)
    except (UnhealthyError, SettingsError) as error:
        print(f"unhealthy: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
