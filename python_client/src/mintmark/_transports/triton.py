"""The transport that speaks gRPC to Triton."""

import re
import struct
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from queue import Empty, SimpleQueue

import tritonclient.grpc as triton
from tritonclient.utils import InferenceServerException

from mintmark import _contract as contract
from mintmark._errors import (
    EntryNotFound,
    InvalidPhoto,
    InvalidRequest,
    MintmarkError,
    NoCoinFound,
    RequestTimeout,
    ServerBusy,
    ServerError,
    ServerUnavailable,
    Unauthorized,
)
from mintmark._tls import Tls
from mintmark._transports.base import Tensors


class TritonTransport:
    """Asks a Triton server over gRPC.

    `url` is HOST:PORT; `token` goes along as a bearer token in the header `authorization`; `tls` encrypts the
    connection, with the system's authorities or as a Tls says. Connections are kept and used again.
    """

    def __init__(self, url: str, *, token: str | None = None, tls: bool | Tls = False) -> None:
        if "://" in url:
            raise InvalidRequest(f"the server's address is HOST:PORT without a scheme, not {url!r}")
        self._url = url
        self._headers = {"authorization": f"Bearer {_checked(token)}"} if token else None
        certificates = Tls() if isinstance(tls, bool) else tls
        self._encryption = {"ssl": True, **certificates.checked()} if tls else {"ssl": False}
        self._idle: SimpleQueue[triton.InferenceServerClient] = SimpleQueue()

    def infer(
        self,
        model: str,
        inputs: Tensors,
        outputs: Sequence[str],
        parameters: Mapping[str, str | int | bool],
        timeout: float,
    ) -> Tensors:
        """See Transport."""
        wanted = [triton.InferRequestedOutput(name) for name in outputs]
        try:
            with self._connection() as connection:
                result = connection.infer(
                    model,
                    _encode(inputs),
                    outputs=wanted,
                    parameters=dict(parameters),
                    headers=self._headers,
                    client_timeout=timeout,
                )
        except InferenceServerException as error:
            raise error_of(model, error.status(), error.message(), self._url) from error
        return _decode(model, result, outputs)

    def close(self) -> None:
        """Close all connections that are not in use."""
        while True:
            try:
                self._idle.get_nowait().close()
            except Empty:
                return

    @contextmanager
    def _connection(self) -> Iterator[triton.InferenceServerClient]:
        # Triton's client promises nothing about threads, so no two of them hold one at a time.
        try:
            connection = self._idle.get_nowait()
        except Empty:
            connection = triton.InferenceServerClient(self._url, **self._encryption)
        try:
            yield connection
        finally:
            self._idle.put(connection)


def _checked(token: str) -> str:
    """The token, which gRPC would otherwise put into the error that it raises for letters that headers cannot have."""
    if not all("!" <= letter <= "~" for letter in token):
        raise InvalidRequest("the token has spaces, line ends or letters outside ASCII, which a header cannot carry")
    return token


# Triton's Python models have no status of their own for this; their message begins with the word.
_UNAUTHORIZED = "unauthorized: "
# How the enrolment of a photo says that there is no such entry, rather than no coin.
_NO_ENTRY = "no entry"
# How the server begins what it says of a photo: "the JPEG photo is damaged", "GIF photos are not supported".
_PHOTO = re.compile(r"(the )?(\w+ )?photos? ", re.IGNORECASE)
# What Triton says of a request that a model's queue policy refuses or gives up.
_BUSY = ("Exceeds maximum queue size", "Request timeout expired")


def error_of(model: str, status: str | None, message: str, url: str) -> MintmarkError:
    """The exception for a gRPC status that `model` answered with, such as 'StatusCode.NOT_FOUND'."""
    code = (status or "").removeprefix("StatusCode.")
    text = _plain(message)
    if code in ("UNAUTHENTICATED", "PERMISSION_DENIED") or text.startswith(_UNAUTHORIZED):
        return Unauthorized(text)
    if code == "INVALID_ARGUMENT":
        return InvalidPhoto(text) if _blames_photo(model, text) else InvalidRequest(text)
    if code == "NOT_FOUND" and "unknown model" not in text:
        return EntryNotFound(text) if model == contract.CATALOG or _NO_ENTRY in text else NoCoinFound(text)
    if code == "UNAVAILABLE" and any(words in text for words in _BUSY):
        return ServerBusy(f"server {url} is busy, try again later: {text}")
    if code == "UNAVAILABLE":
        return ServerUnavailable(f"server {url} is unavailable: {text}")
    if code == "DEADLINE_EXCEEDED":
        return RequestTimeout(f"server {url} did not answer in time: {text}")
    return ServerError(f"server {url} failed: {code or 'no status'}: {text}")


def _blames_photo(model: str, text: str) -> bool:
    # coin_embedding takes nothing but a photo; elsewhere only the words tell.
    return model == contract.COIN_EMBEDDING or (model != contract.CATALOG and _PHOTO.match(text) is not None)


def _plain(message: str) -> str:
    """The message on one line, without the prefix that ensembles put before it."""
    return re.sub(r"^(\[request id: [^]]*\] |in ensemble '[^']*', )*", "", " ".join(message.split()))


def _encode(inputs: Tensors) -> list[triton.InferInput]:
    encoded = []
    for name, array in inputs.items():
        tensor = triton.InferInput(name, list(array.shape), contract.DTYPES[name])
        tensor.set_data_from_numpy(array)
        encoded.append(tensor)
    return encoded


def _decode(model: str, result: triton.InferResult, outputs: Sequence[str]) -> Tensors:
    try:
        arrays = {name: result.as_numpy(name) for name in outputs}
    except (ValueError, struct.error) as error:  # fewer bytes than the shape says
        raise ServerError(f"{model} answered a tensor that cannot be read: {error}") from error
    return {name: array for name, array in arrays.items() if array is not None}
