"""The catalog's search in this process: the last step of every contender without Mintmark's server."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from catalog import open_catalog
from catalog.service.answer import search_answer
from ensemble.artifacts import fingerprint, known_threshold
from ensemble.chain import Arrays, Runner
from ensemble.contract import DEFAULT_K, EMBEDDING, FOUND


def catalog_search(folder: Path) -> Runner:
    """The model `search` over the catalog in a folder, in this process; any thread may call it.

    A catalog belongs to the thread that opened it, so here it gets a thread of its own.
    """
    owner = ThreadPoolExecutor(1, thread_name_prefix="catalog")
    catalog, threshold = owner.submit(open_catalog, str(folder), fingerprint()).result(), known_threshold()

    def search(inputs: Arrays, threads: int | None) -> Arrays:
        embedding, found = inputs[EMBEDDING.name], inputs[FOUND.name]
        answer = owner.submit(search_answer, catalog, embedding, found, DEFAULT_K, {}, threshold).result()
        return {tensor.name: array for tensor, array in answer.items()}

    return search
