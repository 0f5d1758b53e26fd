"""Triton model `enroll`: stores a coin and its metadata as a view of a catalog entry."""

from typing import Any

from backends.adapter import Answer, answer_each, array, changed, column, parameters, settings, texts
from catalog import Enrolment, Makers, open_configured
from catalog.events import By
from catalog.service.enrolling import enroll, views_of
from catalog.service.fitness import doubts, sights
from ensemble.access import check_change
from ensemble.contract import (
    COIN,
    COIN_PROBABILITY,
    CUT_OFF,
    ELLIPSE,
    EMBEDDING,
    ENROLLED_ID,
    FOUND,
    METADATA,
    RELIEF,
    WARNINGS,
)
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
        by = By(check_change(parameters(request)))
        enrolments = [Enrolment.from_json(text) for text in texts(request, METADATA, self.limits.request_bytes)]
        coins, embeddings, reliefs = (array(request, tensor) for tensor in (COIN, EMBEDDING, RELIEF))
        views = views_of(coins, embeddings, reliefs, self.makers)
        seen = sights(coins, *(array(request, tensor) for tensor in (ELLIPSE, FOUND, COIN_PROBABILITY, CUT_OFF)))
        doubtful = [doubts(sight) for sight in seen]
        enrolled = []
        for pair in zip(enrolments, views, strict=True):
            enrolled.append(enroll(self.catalog, *pair, by))
            changed(request, by.who, what="enroll", entries=[enrolled[-1][0]])
        said = ["\n".join([*doubt, *shared]) for doubt, (_, shared) in zip(doubtful, enrolled, strict=True)]
        return {ENROLLED_ID: column([entry_id for entry_id, _ in enrolled]), WARNINGS: column(said)}

    def finalize(self) -> None:
        """Close the catalog."""
        self.catalog.close()
