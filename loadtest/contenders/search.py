"""The catalog's search in this process: the last step of every contender that has no server of Mintmark behind it."""

from pathlib import Path

from catalog import open_catalog
from catalog.answer import search_answer
from ensemble.artifacts import fingerprint, known_threshold
from ensemble.chain import Arrays, Runner
from ensemble.contract import DEFAULT_K, EMBEDDING, FOUND


def catalog_search(folder: Path) -> Runner:
    """The model `search` over the catalog in a folder, in this process."""
    catalog, threshold = open_catalog(str(folder), fingerprint()), known_threshold()
    catalog.load()

    def search(inputs: Arrays) -> Arrays:
        answer = search_answer(catalog, inputs[EMBEDDING.name], inputs[FOUND.name], DEFAULT_K, threshold)
        return {tensor.name: array for tensor, array in answer.items()}

    return search
