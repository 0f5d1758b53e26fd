"""What the FastAPI contenders share: one route, answers as JSON, and OpenCV's geometry, as one would write it."""

import argparse
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI, HTTPException, Request
from fastapi.concurrency import run_in_threadpool

from ensemble.chain import Arrays, Chain, Runner
from ensemble.contract import COIN_SEARCH, SEARCH, Model
from ensemble.errors import PhotoError
from ensemble.geometry import opencv
from ensemble.graph import STEPS
from loadtest.compare.contenders.base import from_tensors
from loadtest.compare.contenders.search import catalog_search
from loadtest.processes import end_with_parent
from server.launch import LOOPBACK

IDLE = 3600  # s that a connection may idle: callers keep theirs between rounds


def create_app(recognize: Callable[[bytes], Awaitable[dict]], **options: Any) -> FastAPI:
    """An app that recognizes the photo in a request's body; options are FastAPI's."""
    app = FastAPI(**options)

    @app.get("/health")
    async def health() -> dict:
        return {}

    @app.post("/recognize")
    async def answer(request: Request) -> dict:
        photo = await request.body()
        try:
            return await recognize(photo)
        except PhotoError as error:
            raise HTTPException(400, str(error)) from error

    return app


def chain_of(opened: Callable[[Model], Runner], catalog: Path) -> Callable[[bytes], Arrays]:
    """The steps of `coin_search`: the contender opens the networks; geometry and search are the server's own."""

    def step(model: Model) -> Runner:
        if model is SEARCH:
            return catalog_search(catalog)
        geometry = opencv.STEPS.get(model)
        return opened(model) if geometry is None else lambda inputs, threads: geometry(inputs)

    return Chain(STEPS[COIN_SEARCH], step).run


def arguments(description: str | None) -> argparse.ArgumentParser:
    """Options of a contender's command line."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--catalog", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    return parser


def threaded_arguments(description: str | None) -> argparse.ArgumentParser:
    """The same, for those of one process."""
    parser = arguments(description)
    parser.add_argument("--threads", type=int, required=True, help="CPU threads of one inference")
    return parser


def serve(run: Callable[[bytes], Arrays], port: int) -> None:
    """Serve on loopback until terminated, in FastAPI's thread pool."""
    end_with_parent()

    def answer(photo: bytes) -> dict:
        return asdict(from_tensors(run(photo)))

    async def recognize(photo: bytes) -> dict:
        return await run_in_threadpool(answer, photo)

    app = create_app(recognize)
    uvicorn.run(app, host=LOOPBACK, port=port, log_level="warning", access_log=False, timeout_keep_alive=IDLE)
