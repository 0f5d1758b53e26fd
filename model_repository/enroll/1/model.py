"""Triton model `enroll`: stores a coin and its metadata as a view of a catalog entry."""

from typing import Any

import numpy as np

from backends.adapter import Answer, answer_each, array, parameters, settings, texts
from catalog import Enrolment, Makers, open_configured
from catalog.service.enrolling import views_of
from ensemble.access import check_change
from ensemble.contract import COIN, EMBEDDING, ENROLLED_ID, FOUND, METADATA, RELIEF
from ensemble.limits import Limits


class TritonPythonModel:
    """Adapts the catalog's enrolment to Triton."""

    def initialize(self, args: dict[str, str]) -> None:
        """Open the catalog."""
        self.makers = Makers.of(settings(args))
        self.limits = Limits.of()
        self.catalog = open_configured(self.makers)

    def execute(self, requests: list[Any]) -> list[Any]:
        """Enroll the coins of every request."""
        return answer_each(requests, self._answer)

    def _answer(self, request: Any) -> Answer:
        check_change(parameters(request))
        enrolments = [Enrolment.from_json(text) for text in texts(request, METADATA, self.limits.request_bytes)]
        coins, embeddings, reliefs, found = (array(request, tensor) for tensor in (COIN, EMBEDDING, RELIEF, FOUND))
        views = views_of(coins, embeddings, reliefs, found, self.makers)
        ids = [self.catalog.enroll(*pair) for pair in zip(enrolments, views, strict=True)]
        return {ENROLLED_ID: np.array([[entry_id.encode()] for entry_id in ids], object)}

    def finalize(self) -> None:
        """Close the catalog."""
        self.catalog.close()
