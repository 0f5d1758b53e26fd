"""Triton model `search`: finds the catalog entries that a coin is most like."""

from typing import Any

import triton_python_backend_utils as pb_utils

from backends.adapter import Answer, answer_each, array, gpu_of, in_place, parameters, settings
from backends.search_metrics import SearchMetrics
from catalog import Makers, configured_folder, open_configured
from catalog.service.answer import search_answer
from ensemble.access import check_read, check_setup
from ensemble.contract import EMBEDDING, FOUND, RELIEF
from ensemble.errors import CatalogError
from ensemble.parameters import CandidateLimits, search_parameters
from ensemble.verification import Judge


class TritonPythonModel:
    """Adapts the catalog's search to Triton."""

    def initialize(self, args: dict[str, str]) -> None:
        """Open the catalog and load its index onto this instance's device; until then the server is not ready."""
        check_setup()
        config = settings(args)
        self.judge = Judge.from_json(config["judge"])
        self.limits = CandidateLimits.of()
        self.catalog = open_configured(Makers.of(config), gpu_of(args))
        self.catalog.load()
        self.metrics = SearchMetrics(pb_utils.MetricFamily, self.catalog.status, configured_folder())

    def execute(self, requests: list[Any]) -> list[Any]:
        """Search for the coins of every request."""
        answers = answer_each(requests, self._answer)
        self.metrics.report()
        return answers

    def _answer(self, request: Any) -> Answer:
        given = parameters(request)
        check_read(given)
        search = search_parameters(given, self.limits)
        embeddings, reliefs = in_place(request, EMBEDDING), in_place(request, RELIEF)
        found = array(request, FOUND)
        try:
            return search_answer(self.catalog, embeddings, reliefs, found, search, self.judge, self.metrics.verified)
        except CatalogError:
            self.metrics.failed()
            raise

    def finalize(self) -> None:
        """Close the catalog."""
        self.catalog.close()
