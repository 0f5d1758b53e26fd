"""What cannot be used is not stored, whichever way it comes, and stops nothing that is good."""

import base64
import json
from typing import Any

import numpy as np
import pytest
from tritonclient.utils import InferenceServerException

from ensemble.contract import COIN, EMBEDDING, EMBEDDING_SIZE, ENROLL, IMAGE_SIZE, METADATA, RELIEF, SEARCH
from mintmark import Client
from tests.attacks.conftest import BEARER, Raw, one
from tests.attacks.photos import jpeg_of_many_scans, saved
from tests.server.catalog_server import SEEN

pytestmark = pytest.mark.server

FIELDS = {"name": "n", "country": "c", "currency": "u", "denomination": "1"}


def unit() -> np.ndarray:
    return np.eye(1, EMBEDDING_SIZE, dtype=np.float32)


def seen(embedding: np.ndarray, relief: float = 0.01, **changes: np.ndarray) -> dict[Any, np.ndarray]:
    """What the models make of a photo, made up."""
    made = {
        **SEEN,
        EMBEDDING: embedding.astype(np.float32),
        RELIEF: np.full((1, *RELIEF.dims), relief, np.float32),
    }
    return made | {tensor: changes[tensor.name] for tensor in made if tensor.name in changes}


MADE_UP = {
    "a vector that is not a number": seen(np.full((1, EMBEDDING_SIZE), np.nan)),
    "an infinite vector": seen(np.full((1, EMBEDDING_SIZE), np.inf)),
    "a vector of 1000 times unit length": seen(1000 * unit()),
    "a relief map that is not finite": seen(unit(), relief=np.nan),
    "a coin that is not finite": seen(unit(), coin=np.full((1, *COIN.dims), np.inf, np.float32)),
    "a probability that is not a number": seen(unit(), coin_probability=np.full((1, 1), np.nan, np.float32)),
}


@pytest.mark.parametrize("name", MADE_UP)
def test_made_up_numbers_are_not_enrolled(good: Client, raw: Raw, name: str) -> None:
    before = raw.ask('{"operation": "status"}')["views"]
    text = one(json.dumps({**FIELDS, "side": "obverse"}))
    with pytest.raises(InferenceServerException, match="INVALID_ENTRY"):
        raw.infer(ENROLL, {**MADE_UP[name], METADATA: text}, BEARER)
    assert raw.ask('{"operation": "status"}')["views"] == before


def test_made_up_numbers_are_not_searched_for(good: Client, raw: Raw) -> None:
    for name in list(MADE_UP)[:4]:
        asked = {tensor: array for tensor, array in MADE_UP[name].items() if tensor in SEARCH.inputs}
        with pytest.raises(InferenceServerException, match="INVALID_PARAMETER"):
            raw.infer(SEARCH, asked, BEARER)


@pytest.mark.parametrize("number", ["1e999", "-1e999", "NaN", "Infinity", '[[{"b": -Infinity}]]'])
def test_numbers_that_json_does_not_have_are_refused(good: Client, raw: Raw, number: str) -> None:
    entry = json.dumps({**FIELDS, "side": "obverse"})[:-1] + f', "metadata": {{"a": {number}}}}}'
    with pytest.raises(InferenceServerException, match="not JSON"):
        raw.infer(ENROLL, {**seen(unit()), METADATA: one(entry)}, BEARER)
    for text in (
        f'{{"operation": "update", "id": "x", "changes": {{"metadata": {{"a": {number}}}}}}}',
        f'{{"operation": "import", "views": [{number}]}}',
        f'{{"operation": "calibrate", "threshold": {number}}}',
    ):
        with pytest.raises(InferenceServerException, match=r"not JSON|INVALID_ENTRY"):
            raw.ask(text)


def test_one_bad_view_does_not_stop_an_import(good: Client, raw: Raw) -> None:
    """Beside good ones: pictures that cannot be read or are dear to, and a vector and a map that are wrong."""
    status = raw.ask('{"operation": "status"}')
    good_picture = saved(IMAGE_SIZE, IMAGE_SIZE, "JPEG")

    def view(name: str, picture: bytes, **more: Any) -> dict[str, Any]:
        made = {"picture": base64.b64encode(picture).decode(), "embedding": base64.b64encode(unit().tobytes()).decode()}
        return {"entry": {**FIELDS, "id": name, "metadata": {}}, "side": "obverse", **made, **more}

    views = [
        view("import-good-1", good_picture),
        view("import-unreadable", b"no picture"),
        view("import-scans", jpeg_of_many_scans(2_000, IMAGE_SIZE, IMAGE_SIZE)),
        view("import-huge", saved(6_000, 6_000, "PNG")),
        view("import-vector", good_picture, embedding=base64.b64encode((2 * unit()).tobytes()).decode()),
        view("import-map", good_picture, relief="AAAA"),
        view("import-good-2", good_picture),
    ]
    models = {"model": status["model"], "relief_model": status["relief_model"]}
    answer = raw.ask(json.dumps({"operation": "import", **models, "views": views}))
    assert answer["added"] == 2
    assert [each["entry"] for each in answer["refused"]] == [view["entry"]["id"] for view in views[1:-1]]
    for name in ("import-good-1", "import-good-2"):
        raw.ask(json.dumps({"operation": "remove", "id": name}))
