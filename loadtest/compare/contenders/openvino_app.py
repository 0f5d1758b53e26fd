"""FastAPI + OpenVINO: the networks that the server compiles, a process for each core, each on one thread.

python -m loadtest.compare.contenders.openvino_app --catalog FOLDER --port PORT --processes N

One process answers HTTP and hands each photo to the next free one of the others.
"""

import asyncio
import contextlib
import multiprocessing
import sys
from collections.abc import AsyncIterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import cv2
import uvicorn
from fastapi import FastAPI

from backends.cpu_steps import open_runner
from ensemble.chain import Arrays
from ensemble.cpu import Cpu
from ensemble.errors import PhotoError
from loadtest.compare.contenders import web
from loadtest.compare.contenders.base import from_tensors
from loadtest.compare.contenders.web import IDLE, arguments, chain_of
from loadtest.processes import end_with_parent
from server.launch import LOOPBACK

_chain = None  # of a process of the pool


def _open(catalog: Path) -> None:
    """Open the pipeline in a process of the pool."""
    global _chain
    end_with_parent()
    cv2.setNumThreads(1)
    _chain = chain_of(lambda model: open_runner(model, Cpu(1, 1)), catalog)


def _recognize(photo: bytes) -> dict | str:
    """The answer, or what is wrong with the photo."""
    assert _chain is not None
    try:
        tensors: Arrays = _chain(photo)
    except PhotoError as error:
        return str(error)
    return vars(from_tensors(tensors))


def pooled(catalog: Path, processes: int) -> FastAPI:
    """An app that recognizes the photo in a request's body."""
    context = multiprocessing.get_context("spawn")  # OpenVINO's threads do not survive a fork
    pool = ProcessPoolExecutor(processes, context, _open, (catalog,))

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        loop = asyncio.get_running_loop()
        await asyncio.gather(*(loop.run_in_executor(pool, _recognize, b"") for _ in range(processes)))  # all are open
        yield
        pool.shutdown(cancel_futures=True)

    async def recognize(photo: bytes) -> dict:
        answered = await asyncio.get_running_loop().run_in_executor(pool, _recognize, photo)
        if isinstance(answered, str):
            raise PhotoError(answered)
        return answered

    return web.create_app(recognize, lifespan=lifespan)


def main() -> int:
    """Command line."""
    parser = arguments(__doc__)
    parser.add_argument("--processes", type=int, required=True)
    options = parser.parse_args()
    end_with_parent()
    app = pooled(options.catalog, options.processes)
    uvicorn.run(app, host=LOOPBACK, port=options.port, log_level="warning", access_log=False, timeout_keep_alive=IDLE)
    return 0


if __name__ == "__main__":
    sys.exit(main())
