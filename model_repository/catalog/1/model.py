"""Triton model `catalog`: lists, changes, imports and exports entries, and tells the status."""

import json
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from backends.adapter import Answer, answer_each, call, changed, column, max_batch, parameters, settings, texts
from catalog import Makers, open_configured
from catalog.service.operations.context import Context
from catalog.service.operations.requests import changes, parse, perform
from catalog.service.operations.told import told
from catalog.service.picture import coin_tensor
from ensemble.access import check_change, check_read, may_change
from ensemble.contract import COIN, EMBEDDER, EMBEDDING, RELIEF, RELIEF_MAPPER, REQUEST, RESPONSE, Model, Tensor
from ensemble.limits import Limits
from ensemble.verification import Judge, stored


class TritonPythonModel:
    """Adapts the catalog's operations to Triton."""

    def initialize(self, args: dict[str, str]) -> None:
        """Open the catalog."""
        config = settings(args)
        makers, judge = Makers.of(config), Judge.from_json(config["judge"])
        self.limits = Limits.of()
        together = max_batch(args)  # the same for all models of a target
        embed, map_relief = partial(_embed, together=together), partial(_map_relief, together=together)
        self.context = Context(open_configured(makers), makers, embed, map_relief, judge)

    def execute(self, requests: list[Any]) -> list[Any]:
        """Carry out the operations of every request."""
        return answer_each(requests, self._answer)

    def _answer(self, request: Any) -> Answer:
        given = parameters(request)
        check_read(given)  # before anything is parsed
        replies = []
        for operation in [parse(text) for text in texts(request, REQUEST, self.limits.request_bytes)]:
            who = check_change(given) if changes(operation) else ""
            reply = perform(self.context, operation, who, may_change(given))
            if changes(operation):
                changed(request, who, **told(operation, reply))
            replies.append(reply)
        return {RESPONSE: column([json.dumps(reply, ensure_ascii=False) for reply in replies])}

    def finalize(self) -> None:
        """Close the catalog."""
        self.context.catalog.close()


def _embed(pictures: Sequence[bytes], together: int) -> np.ndarray:
    """Embeddings of pictures of rectified coins, [N, EMBEDDING_SIZE]; `together` pictures per request."""
    return _made(EMBEDDER, EMBEDDING, pictures, together)


def _map_relief(pictures: Sequence[bytes], together: int) -> np.ndarray:
    """Relief maps of pictures of rectified coins, [N, RELIEF_HARMONICS, RELIEF_NUMBERS] int8, likewise."""
    return np.stack([stored(trials[0]) for trials in _made(RELIEF_MAPPER, RELIEF, pictures, together)])


def _made(model: Model, tensor: Tensor, pictures: Sequence[bytes], together: int) -> np.ndarray:
    coins = [coin_tensor(picture) for picture in pictures]
    parts = [
        call(model, {COIN: np.stack(coins[start : start + together])})[tensor]
        for start in range(0, len(coins), together)
    ]
    return np.concatenate([np.empty((0, *tensor.dims), np.float32), *parts])
