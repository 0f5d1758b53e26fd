"""The limit: the same compiled models called in a loop, in a process of their own, without any server.

Two arrangements, because it depends on the machine which is faster where several requests are under way:

- `shared`: one set of models, opened and counted as the server opens and counts its instances. Requests overlap in
  different models, as they do in the server.
- `per core`: one whole chain for each core, on one thread each. Requests overlap because they never meet.
"""

import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, TypeVar

from backends.openvino.served import served
from ensemble.chain import Arrays, Chain, Runner
from ensemble.contract import COIN_SEARCH, SEARCH, Model
from ensemble.graph import STEPS, Target, placement
from loadtest.contenders.base import Answer, from_tensors
from loadtest.contenders.search import catalog_search
from loadtest.generator import Sample, closed_loop
from loadtest.processes import ProcessTree, end_with_parent

Given = TypeVar("Given")
Made = TypeVar("Made")


def taking_turns(workers: Sequence[Callable[[Given], Made]]) -> Callable[[Given], Made]:
    """Many callers share some workers that each take one call at a time: first come, first served."""
    queue = ThreadPoolExecutor(len(workers))
    idle = list(workers)  # never empty when a thread asks: there are as many of either

    def work(given: Given) -> Made:
        worker = idle.pop()
        try:
            return worker(given)
        finally:
            idle.append(worker)

    return lambda given: queue.submit(work, given).result()


def shared_chain(catalog: Path, cores: int) -> Callable[[bytes], Arrays]:
    """One set of models, as many of each as the server has instances."""

    def opened(model: Model) -> Runner:
        if model is SEARCH:
            return catalog_search(catalog)
        return taking_turns([served(model, cores) for _ in range(placement(model, Target.CPU, cores).instances)])

    return Chain(STEPS[COIN_SEARCH], opened).run


def chains_per_core(catalog: Path, cores: int) -> Callable[[bytes], Arrays]:
    """A whole chain for each core, on one thread."""
    chains = [
        Chain(STEPS[COIN_SEARCH], lambda model: catalog_search(catalog) if model is SEARCH else served(model, 1))
        for _ in range(cores)
    ]
    return taking_turns([chain.run for chain in chains])


class Bare:
    """A process that recognizes coins in a loop of its own.

    Args:
        name: of the contender.
        build: makes the chain from the catalog's folder and the number of cores, in that process.
        catalog: folder.
        cores: to use.
    """

    def __init__(
        self, name: str, build: Callable[[Path, int], Callable[[bytes], Arrays]], catalog: Path, cores: int
    ) -> None:
        self.name = name
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_work, args=(theirs, partial(build, catalog, cores)), daemon=True)
        self._process.start()
        self.tree = ProcessTree(self._process.pid or 0)
        self._call("ready")

    def _call(self, *order: Any) -> Any:
        self._pipe.send(order)
        result = self._pipe.recv()
        if isinstance(result, Exception):
            raise result
        return result

    def answer(self, photo: bytes) -> Answer:
        """See Contender."""
        return self._call("answer", photo)

    def load(self, photos: Sequence[bytes], concurrency: int, seconds: float) -> list[Sample]:
        """See Contender; the loop runs in the other process."""
        return self._call("load", photos, concurrency, seconds)

    def close(self) -> None:
        """End the process."""
        self._pipe.close()
        self._process.join(timeout=10)
        self._process.terminate()


def _work(pipe: Connection, build: Callable[[], Callable[[bytes], Arrays]]) -> None:
    """The process: orders come in, results or exceptions go out, until the pipe is closed."""
    end_with_parent()
    run = build()
    orders: dict[str, Callable[..., Any]] = {
        "ready": lambda: True,
        "answer": lambda photo: from_tensors(run(photo)),
        "load": lambda photos, concurrency, seconds: closed_loop(run, photos, concurrency, seconds),
    }
    while True:
        try:
            order, *arguments = pipe.recv()
        except EOFError:
            return
        try:
            pipe.send(orders[order](*arguments))
        except Exception as error:
            pipe.send(error)
