"""The limit: the same compiled models called in a loop, in a process of their own, without a server.

A photo alone runs on all cores. Where as many photos are under way as there are cores, each runs on one thread. The
server does the same, with a process for each photo.
"""

import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, TypeVar

from backends.cpu_steps import open_runner
from ensemble.chain import Arrays, Chain, Runner
from ensemble.contract import COIN_SEARCH, SEARCH, Model
from ensemble.cpu import Cpu
from ensemble.graph import STEPS
from loadtest.compare.contenders.base import Answer, from_tensors
from loadtest.compare.contenders.search import catalog_search
from loadtest.generator import Sample, closed_loop
from loadtest.processes import ProcessTree, end_with_parent
from server.machine import usable_memory

Given = TypeVar("Given")
Made = TypeVar("Made")


def taking_turns(workers: Sequence[Callable[[Given], Made]]) -> Callable[[Given], Made]:
    """One function for many callers: a worker takes one call at a time, first come, first served."""
    queue = ThreadPoolExecutor(len(workers))
    idle = list(workers)  # never empty when a thread asks: there are as many threads as workers

    def work(given: Given) -> Made:
        worker = idle.pop()
        try:
            return worker(given)
        finally:
            idle.append(worker)

    return lambda given: queue.submit(work, given).result()


class _Worker:
    """One chain; its threads are the cores over the number of workers that have something to do."""

    def __init__(self, catalog: Path, cpu: Cpu, at_work: "list[_Worker]") -> None:
        self._cores, self._at_work = cpu.cores, at_work

        def opened(model: Model) -> Runner:
            return catalog_search(catalog) if model is SEARCH else open_runner(model, cpu)

        self._chain = Chain(STEPS[COIN_SEARCH], opened)

    def run(self, photo: bytes) -> Arrays:
        self._at_work.append(self)
        threads = max(1, self._cores // len(self._at_work))
        try:
            return self._chain.run(photo, lambda: threads)
        finally:
            self._at_work.remove(self)


def build(catalog: Path, cores: int) -> Callable[[bytes], Arrays]:
    """As many chains as a server on these cores has slots, for any number of callers."""
    at_work: list[_Worker] = []
    cpu = Cpu.within(cores, usable_memory())
    return taking_turns([_Worker(catalog, cpu, at_work).run for _ in range(cpu.slots)])


class Bare:
    """A process of its own that recognizes coins in a loop.

    Args:
        catalog: folder.
        cores: to use.
    """

    name = "bare"

    def __init__(self, catalog: Path, cores: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_work, args=(theirs, catalog, cores), daemon=True)
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


def _work(pipe: Connection, catalog: Path, cores: int) -> None:
    """The process: orders come in and results or exceptions go out, until the pipe is closed."""
    end_with_parent()
    run = build(catalog, cores)
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
