"""Triton model `catalog`: lists, changes, imports and exports entries, and tells the status."""

import json
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from backends.adapter import Answer, answer_each, call, max_batch, parameters, settings, texts
from catalog import open_configured
from catalog.service.access import check_change, check_read
from catalog.service.operations import Context, changes, parse, perform
from catalog.service.picture import coin_tensor
from ensemble.contract import COIN, EMBEDDER, EMBEDDING, EMBEDDING_SIZE, REQUEST, RESPONSE


class TritonPythonModel:
    """Adapts the catalog's operations to Triton."""

    def initialize(self, args: dict[str, str]) -> None:
        """Open the catalog."""
        config = settings(args)
        catalog = open_configured(config["fingerprint"])
        embed = partial(_embed, together=max_batch(args))  # the same for all models of a target
        self.context = Context(catalog, config["fingerprint"], embed, float(config["known_threshold"]))

    def execute(self, requests: list[Any]) -> list[Any]:
        """Carry out the operations of every request."""
        return answer_each(requests, self._answer)

    def _answer(self, request: Any) -> Answer:
        replies = []
        for operation in [parse(text) for text in texts(request, REQUEST)]:
            (check_change if changes(operation) else check_read)(parameters(request))
            replies.append(perform(self.context, operation))
        return {RESPONSE: np.array([[json.dumps(reply, ensure_ascii=False).encode()] for reply in replies], object)}

    def finalize(self) -> None:
        """Close the catalog."""
        self.context.catalog.close()


def _embed(pictures: Sequence[bytes], together: int) -> np.ndarray:
    """Embed pictures of rectified coins with the model `embedding`, `together` per request: [N, EMBEDDING_SIZE]."""
    coins = [coin_tensor(picture) for picture in pictures]
    parts = [
        call(EMBEDDER, {COIN: np.stack(coins[start : start + together])})[EMBEDDING]
        for start in range(0, len(coins), together)
    ]
    return np.concatenate([np.empty((0, EMBEDDING_SIZE), np.float32), *parts])
