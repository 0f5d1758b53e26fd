"""Bad input gets a clear error for that request alone; good requests beside it are answered."""

import base64
import io
import json
import struct
import urllib.error
import urllib.request
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np
import pytest
import tritonclient.grpc as grpc
from PIL import Image
from tritonclient.utils import InferenceServerException

from ensemble.contract import PHOTO_FORMATS
from mintmark import Client, Unauthorized
from tests.server.conftest import TOKEN, Coin, Running, jpeg

pytestmark = pytest.mark.server

BEARER = {"authorization": f"Bearer {TOKEN}"}
FIELDS = {"name": "n", "country": "c", "currency": "u", "denomination": "1", "side": "obverse"}


def encode(picture: np.ndarray, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, kind, **options)
    return file.getvalue()


def huge_png() -> bytes:
    """A PNG with 12000 x 9000 pixels by its header and hardly any data."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 12000, 9000, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(100)))


PICTURE = np.random.default_rng(0).integers(0, 255, (300, 400, 3), np.uint8)

BAD_PHOTOS = {
    "empty": (b"", "empty"),
    "not an image": (b"just some text, no picture", "not an image"),
    "random bytes": (np.random.default_rng(1).bytes(5000), "not an image"),
    "cut off JPEG": (encode(PICTURE, "JPEG")[:9000], "damaged or cut off"),
    "cut off PNG": (encode(PICTURE, "PNG")[:9000], "damaged or cut off"),
    "cut off WebP": (encode(PICTURE, "WEBP")[:3000], "cut off"),
    "cut off header": (encode(PICTURE, "JPEG")[:10], "cut off in its header"),
    "PDF": (encode(PICTURE, "PDF"), f"PDF photos are not supported; send one of {', '.join(PHOTO_FORMATS)}"),
    "HEIC": (b"\x00\x00\x00\x18ftypheic" + bytes(64), "HEIF photo is damaged or cut off in its header"),
    "page": (b"<!DOCTYPE html><html>not found</html>", "web pages (HTML) under the name of a photo are not supported"),
    "film": (b"\x00\x00\x00\x18ftypqt  " + bytes(64), "videos (MOV) instead of photos are not supported"),
    "above 64 megapixels": (huge_png(), "12000 x 9000 pixels, 108.0 megapixels; the limit is 64"),
}


def infer(
    server: Running,
    model: str,
    inputs: dict[str, bytes],
    parameters: dict[str, Any] | None = None,
    headers: dict[str, str] | None = None,
) -> grpc.InferResult:
    """One raw request: every input is BYTES [1, 1]."""
    tensors = []
    for name, value in inputs.items():
        tensor = grpc.InferInput(name, [1, 1], "BYTES")
        tensor.set_data_from_numpy(np.array([[value]], object))
        tensors.append(tensor)
    with grpc.InferenceServerClient(server.url) as client:
        return client.infer(model, tensors, parameters=parameters, headers=headers)


def refused_beside_good(server: Running, good: bytes, bad: Callable[[], object]) -> InferenceServerException:
    """Send a bad request among good ones, check that those are answered, and return the bad one's error."""
    with ThreadPoolExecutor(3) as pool, Client(server.url) as client:
        before = [pool.submit(client.recognize, good) for _ in range(2)]
        with pytest.raises(InferenceServerException) as refused:
            bad()
        after = pool.submit(client.recognize, good)
        assert all(answer.result().found for answer in (*before, after))
    return refused.value


@pytest.fixture(scope="module")
def good(coins: list[Coin]) -> bytes:
    return jpeg(coins[0].catalog)


@pytest.mark.parametrize("model", ["coin_search", "coin_embedding", "coin_enroll"])
@pytest.mark.parametrize("name", BAD_PHOTOS)
def test_bad_photo(server: Running, good: bytes, name: str, model: str) -> None:
    photo, message = BAD_PHOTOS[name]
    inputs = {"encoded": photo} | ({"metadata": json.dumps(FIELDS).encode()} if model == "coin_enroll" else {})
    error = refused_beside_good(server, good, lambda: infer(server, model, inputs, headers=BEARER))
    assert error.status() == "StatusCode.INVALID_ARGUMENT"
    assert message in error.message()


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"k": 0}, "k is 0; it must be a whole number from 1 to 1000"),
        ({"k": 1001}, "from 1 to 1000"),
        ({"k": -3}, "from 1 to 1000"),
        ({"k": "five"}, "k is 'five'"),
        ({"k": True}, "k is True"),
        ({"colour": "red"}, "unknown filter or parameter colour"),
    ],
)
def test_bad_parameters(server: Running, good: bytes, parameters: dict[str, Any], message: str) -> None:
    error = refused_beside_good(server, good, lambda: infer(server, "coin_search", {"encoded": good}, parameters))
    assert error.status() == "StatusCode.INVALID_ARGUMENT"
    assert message in error.message()


@pytest.mark.parametrize("headers", [None, {"authorization": "Bearer wrong"}, {"authorization": TOKEN}])
def test_changes_need_the_token(server: Running, good: bytes, headers: dict[str, str] | None) -> None:
    inputs = {"encoded": good, "metadata": json.dumps(FIELDS).encode()}
    removal = {"request": json.dumps({"operation": "remove", "id": "x"}).encode()}
    with Client(server.url, token=TOKEN) as client:
        entries = client.status().entries
        for model, request in (("coin_enroll", inputs), ("catalog", removal)):
            error = refused_beside_good(server, good, partial(infer, server, model, request, headers=headers))
            assert "unauthorized" in error.message()
            assert TOKEN not in error.message()
        assert client.status().entries == entries


def test_client_says_unauthorized(server: Running, coins: list[Coin], good: bytes) -> None:
    with Client(server.url, token="wrong") as client, pytest.raises(Unauthorized):
        client.enroll(good, coins[0].fields)


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        (b"{", "not JSON"),
        (b"[]", "must be a JSON object"),
        (b"\xff\xfe", "not UTF-8"),
        (json.dumps({**FIELDS, "side": ""}).encode(), "missing fields: side"),
        (json.dumps({**FIELDS, "colour": "red"}).encode(), "unknown fields colour"),
        (json.dumps({**FIELDS, "name": 5}).encode(), "name must be text"),
        (json.dumps({**FIELDS, "year": "old"}).encode(), "year is 'old'"),
    ],
)
def test_bad_metadata(server: Running, good: bytes, metadata: bytes, message: str) -> None:
    inputs = {"encoded": good, "metadata": metadata}
    error = refused_beside_good(server, good, lambda: infer(server, "coin_enroll", inputs, headers=BEARER))
    assert error.status() == "StatusCode.INVALID_ARGUMENT"
    assert message in error.message()


@pytest.mark.parametrize(
    ("request_text", "status", "message"),
    [
        (b"no json", "INVALID_ARGUMENT", "not JSON"),
        (b'{"operation": "explode"}', "INVALID_ARGUMENT", "one of list, show, picture, known"),
        (b'{"operation": "list", "limit": -1}', "INVALID_ARGUMENT", "limit is -1"),
        (b'{"operation": "show"}', "INVALID_ARGUMENT", "needs 'id'"),
        (b'{"operation": "show", "id": "nobody"}', "NOT_FOUND", "nobody"),
        (b'{"operation": "remove", "id": "nobody"}', "NOT_FOUND", "nobody"),
    ],
)
def test_bad_catalog_request(server: Running, good: bytes, request_text: bytes, status: str, message: str) -> None:
    error = refused_beside_good(
        server, good, lambda: infer(server, "catalog", {"request": request_text}, headers=BEARER)
    )
    assert error.status() == f"StatusCode.{status}"
    assert message in error.message()


def test_wrong_tensors_are_refused(server: Running, good: bytes) -> None:
    error = refused_beside_good(server, good, lambda: infer(server, "coin_search", {"photo": good}))
    assert "photo" in error.message()
    error = refused_beside_good(server, good, lambda: infer(server, "coin_enroll", {"encoded": good}))
    assert "metadata" in error.message() or "expected 2 inputs" in error.message()


def test_http_gets_the_same_errors(server: Running) -> None:
    body = {"inputs": [{"name": "encoded", "shape": [1, 1], "datatype": "BYTES", "data": ["no photo"]}]}
    request = urllib.request.Request(
        f"{server.http}/v2/models/coin_search/infer", json.dumps(body).encode(), {"content-type": "application/json"}
    )
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request)
    with refused.value as response:
        assert response.code == 400
        assert "not an image" in json.loads(response.read())["error"]


def test_a_photo_as_the_body_of_a_request_over_http(server: Running, good: bytes) -> None:
    """As `curl --data-binary` sends it."""
    headers = {"content-type": "application/octet-stream", "inference-header-content-length": "0"}
    address = f"{server.http}/v2/models/coin_search/infer"
    with urllib.request.urlopen(urllib.request.Request(address, good, headers)) as response:
        outputs = {one["name"]: one["data"] for one in json.loads(response.read())["outputs"]}
    assert outputs["found"] == [1.0] and len(outputs["ellipse"]) == 5
    assert {"coin_id", "entry", "known", "score"} <= outputs.keys()


def test_base64_over_http_is_told_how_to_send_a_photo(server: Running, good: bytes) -> None:
    text = base64.b64encode(good).decode()
    body = {"inputs": [{"name": "encoded", "shape": [1, 1], "datatype": "BYTES", "data": [text]}]}
    request = urllib.request.Request(
        f"{server.http}/v2/models/coin_search/infer", json.dumps(body).encode(), {"content-type": "application/json"}
    )
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request)
    with refused.value as response:
        error = json.loads(response.read())["error"]
    assert "photos as base64 text are not supported" in error and "curl --data-binary" in error


def rotated(picture: np.ndarray) -> bytes:
    """The picture stored on its side, with the EXIF orientation that says so."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return encode(np.ascontiguousarray(np.rot90(picture, 1)), "JPEG", quality=95, exif=exif)


def with_alpha(picture: np.ndarray) -> bytes:
    return encode(np.dstack([picture, np.full(picture.shape[:2], 255, np.uint8)]), "PNG")


def cmyk(picture: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture).convert("CMYK").save(file, "JPEG", quality=95)
    return file.getvalue()


VARIANTS: dict[str, Callable[[np.ndarray], bytes]] = {
    "EXIF rotation": rotated,
    "alpha": with_alpha,
    "CMYK": cmyk,
    "grayscale": lambda p: encode(p.mean(axis=2).astype(np.uint8), "JPEG", quality=95),
    "16 bits": lambda p: encode((p.mean(axis=2) * 257).astype(np.uint16), "PNG"),
    "BMP": lambda p: encode(p, "BMP"),
    "TIFF": lambda p: encode(p, "TIFF"),
    "WebP": lambda p: encode(p, "WEBP", quality=95),
}


@pytest.mark.parametrize("name", VARIANTS)
def test_unusual_photos_are_no_error(client: Client, coins: list[Coin], name: str) -> None:
    plain = client.recognize(encode(coins[0].catalog, "PNG"))
    other = client.recognize(VARIANTS[name](coins[0].catalog))
    assert plain.ellipse is not None and other.found and other.ellipse is not None
    # Same place and size in the upright photo.
    for one, two in ((plain.ellipse.cx, other.ellipse.cx), (plain.ellipse.cy, other.ellipse.cy)):
        assert one == pytest.approx(two, abs=6)
    assert plain.ellipse.a == pytest.approx(other.ellipse.a, rel=0.06)
