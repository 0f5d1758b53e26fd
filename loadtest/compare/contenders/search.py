"""The catalog's search in this process: the last step of every contender without Mintmark's server."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from catalog import Makers, open_catalog
from catalog.service.answer import search_answer
from ensemble.artifacts import fingerprint, judge, relief_fingerprint
from ensemble.chain import Arrays, Runner
from ensemble.contract import EMBEDDING, FOUND, RELIEF
from ensemble.parameters import Search


def catalog_search(folder: Path) -> Runner:
    """The model `search` over the catalog in a folder, in this process; any thread may call it.

    A catalog belongs to the thread that opened it, so here it gets a thread of its own.
    """
    owner = ThreadPoolExecutor(1, thread_name_prefix="catalog")
    makers = Makers(fingerprint(), relief_fingerprint())
    catalog, fitted, asked = owner.submit(open_catalog, str(folder), makers).result(), judge(), Search()

    def search(inputs: Arrays, threads: int | None) -> Arrays:
        embedding, relief, found = (inputs[tensor.name] for tensor in (EMBEDDING, RELIEF, FOUND))
        answer = owner.submit(search_answer, catalog, embedding, relief, found, asked, fitted).result()
        return {tensor.name: array for tensor, array in answer.items()}

    return search
