"""The real catalog and its operations behind MockTransport, for what a catalog in memory would have to imitate."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from catalog import Enrolment, Entry, View
from catalog.events import By
from catalog.folder.store import FolderCatalog
from catalog.service.operations.context import Context
from catalog.service.operations.requests import parse, perform
from ensemble.contract import REQUEST, RESPONSE
from ensemble.errors import RequestError
from mintmark._errors import BY_CODE
from tests.catalog.samples import JUDGE, OWN, relief_maps, unit_vectors
from tests.python_client.fake_catalog import crop

Tensors = dict[str, npt.NDArray[Any]]


@dataclass
class RealCatalog:
    """A handler for MockTransport: the model `catalog` without Triton.

    `who` holds the token of the requests, and `may_change` the catalog or not.
    """

    folder: Path
    who: str = ""
    may_change: bool = True
    store: FolderCatalog = field(init=False)
    views: int = 0

    def __post_init__(self) -> None:
        self.store = FolderCatalog(self.folder, OWN)

    def __call__(self, model: str, inputs: Tensors, parameters: Mapping[str, Any]) -> Tensors:
        """Carry out one operation."""
        context = Context(self.store, OWN, _unneeded, _unneeded, JUDGE, lambda picture: None)
        try:
            answer = perform(context, parse(inputs[REQUEST.name].item().decode()), self.who, self.may_change)
        except RequestError as error:
            raise BY_CODE[error.code](str(error)) from error
        return {RESPONSE.name: np.array([[json.dumps(answer)]], object)}

    def enroll(self, entry_id: str, name: str = "coin", side: str = "obverse", photo: str = "", **fields: Any) -> None:
        """Add a photo that differs from all others."""
        number, self.views = self.views, self.views + 1
        view = View(unit_vectors(number + 1)[number], OWN, crop(number), relief_maps(1, number)[0])
        entry = Entry(name, **{"country": "KR", "currency": "won", "denomination": "1", **fields}, id=entry_id)
        self.store.enroll(Enrolment(side, entry, entry_id, photo), view, By(self.who))


def _unneeded(pictures: object) -> np.ndarray:
    raise AssertionError("the pictures were embedded when they were enrolled")
