"""Triton model `search`: finds the catalog entries nearest to an embedding."""

from typing import Any

from backends.adapter import Answer, answer_each, array, gpu_of, in_place, parameters, settings
from catalog import open_configured
from catalog.service.access import check_read, check_setup
from catalog.service.answer import search_answer
from ensemble.contract import EMBEDDING, FOUND
from ensemble.parameters import search_parameters


class TritonPythonModel:
    """Adapts the catalog's search to Triton."""

    def initialize(self, args: dict[str, str]) -> None:
        """Open the catalog and load its index onto this instance's device; until then the server is not ready."""
        check_setup()
        config = settings(args)
        self.threshold = float(config["known_threshold"])
        self.catalog = open_configured(config["fingerprint"], gpu_of(args))
        self.catalog.load()

    def execute(self, requests: list[Any]) -> list[Any]:
        """Search for the embeddings of every request."""
        return answer_each(requests, self._answer)

    def _answer(self, request: Any) -> Answer:
        given = parameters(request)
        check_read(given)
        k, filters = search_parameters(given)
        embeddings, found = in_place(request, EMBEDDING), array(request, FOUND)
        return search_answer(self.catalog, embeddings, found, k, filters, self.threshold)

    def finalize(self) -> None:
        """Close the catalog."""
        self.catalog.close()
