"""Triton model `search`: embeddings to catalog entries."""

import os
from typing import Any

from backends.adapter import Answer, answer_each, array, in_place, instance, parameters, settings
from catalog import open_catalog
from catalog.access import check_read, check_setup
from catalog.answer import search_answer
from catalog.index.devices import vector_index_for
from ensemble.contract import EMBEDDING, FOUND
from ensemble.parameters import search_parameters


class TritonPythonModel:
    """Adapts the catalog's search to Triton."""

    def initialize(self, args: dict[str, str]) -> None:
        """Open the catalog and load its index onto this instance's device: the server is ready when that is done."""
        check_setup()
        config = settings(args)
        self.threshold = float(config["known_threshold"])
        vectors = vector_index_for(*instance(args))
        self.catalog = open_catalog(os.environ.get("MINTMARK_CATALOG", ""), config["fingerprint"], vectors)
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
