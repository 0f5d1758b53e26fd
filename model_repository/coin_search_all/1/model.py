"""Triton model `coin_search_all`: every coin of a photo, with its matches.

It asks the models of the networks and `search` itself (Triton's business logic scripting): how many coins there are is
known only after the first look, and no ensemble branches.
"""

import json
from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np

from backends.adapter import Answer, answer_each, array, call, column, named, parameters, settings
from catalog.service.answer import matches_json
from ensemble.access import check_read, check_setup
from ensemble.chain import Arrays
from ensemble.contract import COINS, EMBEDDING, ENCODED, FOUND, RELIEF, SEARCH, WARNINGS, Model, Tensor
from ensemble.every_coin import Coins, EveryCoin
from ensemble.limits import Limits
from ensemble.parameters import CandidateLimits, search_parameters
from ensemble.photo import decode


class TritonPythonModel:
    """Adapts the search for every coin to Triton."""

    def initialize(self, args: dict[str, str]) -> None:
        """Read the server's settings."""
        check_setup()
        cv2.setNumThreads(1)  # photos share the cores, not the parts of one photo
        self.limits, self.candidates = Limits.of(), CandidateLimits.of()
        config = settings(args)
        self.coins = EveryCoin(_ask, int(config["rows"]))
        self.rows = int(config["searched_rows"])  # that `search` takes at once

    def execute(self, requests: list[Any]) -> list[Any]:
        """Answer requests one by one: a photo of many coins fills the batches."""
        return answer_each(requests, self._answer)

    def _answer(self, request: Any) -> Answer:
        given = parameters(request)
        check_read(given)
        search_parameters(given, self.candidates)  # refused before anything is computed
        found = [self._found(photo, given) for photo in array(request, ENCODED).reshape(-1)]
        coins = column([json.dumps({"coins": coins}, ensure_ascii=False) for coins, _ in found])
        return {COINS: coins, WARNINGS: column([warnings for _, warnings in found])}

    def _found(self, photo: bytes, given: Mapping[str, Any]) -> tuple[list[dict[str, Any]], str]:
        """The coins of a photo, and what the last search says of the catalog; '' where there was nothing to search."""
        coins = self.coins.of(vars(decode(photo, self.limits)))
        matched, warnings = list[dict[str, Any]](), ""
        for start in range(0, len(coins.probabilities), self.rows):
            answer = self._searched(coins, slice(start, start + self.rows), given)
            matched += matches_json(answer)
            warnings = answer[WARNINGS][0, 0].decode()
        outlines = (coins.ellipses.tolist(), coins.probabilities, matched)
        return [{"ellipse": e, "probability": p, **m} for e, p, m in zip(*outlines, strict=True)], warnings

    def _searched(self, coins: Coins, rows: slice, given: Mapping[str, Any]) -> dict[Tensor, np.ndarray]:
        embeddings = coins.embeddings[rows]
        found = np.ones((len(embeddings), *FOUND.dims), np.float32)
        inputs: dict[Tensor, np.ndarray] = {EMBEDDING: embeddings, RELIEF: coins.reliefs[rows], FOUND: found}
        return call(SEARCH, inputs, given)


def _ask(model: Model, inputs: Arrays) -> Arrays:
    return named(call(model, {tensor: inputs[tensor.name] for tensor in model.inputs}))
