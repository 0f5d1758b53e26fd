"""The transport that speaks gRPC to Triton."""

import struct
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from queue import Empty, SimpleQueue

import tritonclient.grpc as triton
from tritonclient.utils import InferenceServerException

from mintmark import _contract as contract
from mintmark._errors import (
    BY_CODE,
    OLDER,
    InvalidRequest,
    MintmarkError,
    RequestTimeout,
    ServerBusy,
    ServerError,
    ServerUnavailable,
    Unauthorized,
)
from mintmark._traces import request
from mintmark._transports.base import Tensors
from mintmark._transports.reachability import is_no_server, reason
from mintmark._transports.tls import Tls

MOST_PORT = 65_535


class TritonTransport:
    """Asks a Triton server over gRPC.

    `url` is HOST:PORT. `token` is sent as a bearer token in the header `authorization`. `tls` encrypts the connection:
    True trusts the system's authorities, a Tls names others. Connections are kept and used again.
    """

    def __init__(self, url: str, *, token: str | None = None, tls: bool | Tls = False) -> None:
        self._url = _checked_address(url)
        self._headers = {"authorization": f"Bearer {_checked(token)}"} if token else {}
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
            with self._connection() as connection, request(model) as traced:
                result = connection.infer(
                    model,
                    _encode(inputs),
                    outputs=wanted,
                    parameters=dict(parameters),
                    headers={**self._headers, **traced},
                    client_timeout=timeout,
                )
        except InferenceServerException as error:
            raise error_of(error.status(), error.message(), self._url) from error
        return _decode(model, result, outputs)

    def ready(self, timeout: float) -> bool:
        """See Transport."""
        try:
            with self._connection() as connection:
                return bool(connection.is_server_ready(headers=self._headers, client_timeout=timeout))
        except InferenceServerException:
            return False

    def close(self) -> None:
        """Close all idle connections."""
        while True:
            try:
                self._idle.get_nowait().close()
            except Empty:
                return

    @contextmanager
    def _connection(self) -> Iterator[triton.InferenceServerClient]:
        # Triton's client does not promise to be thread-safe, so each connection serves one thread at a time.
        try:
            connection = self._idle.get_nowait()
        except Empty:
            connection = triton.InferenceServerClient(self._url, **self._encryption)
        try:
            yield connection
        finally:
            self._idle.put(connection)


def _checked_address(url: str) -> str:
    """HOST:PORT, or a socket of this machine."""
    if url.startswith("unix:"):
        return url
    if "://" in url:
        raise InvalidRequest(f"the server's address is HOST:PORT without a scheme, not {url!r}")
    host, _, port = url.rpartition(":")
    if not host or not (port.isascii() and port.isdecimal()):
        raise InvalidRequest(f"the server's address is HOST:PORT, such as localhost:8001, not {url!r}")
    if len(port) > 5 or not 1 <= int(port) <= MOST_PORT:
        raise InvalidRequest(f"the server's address has the port {port[:20]}; ports are 1 to {MOST_PORT}")
    return url


def _checked(token: str) -> str:
    """The token, if a header can carry it. gRPC would check it too, but would show it in its error."""
    if not all("!" <= letter <= "~" for letter in token):
        raise InvalidRequest("the token has spaces, line ends or letters outside ASCII, which a header cannot carry")
    return token


# What Triton puts before a message: how it begins, and how it ends.
_PREFIXES = (("in ensemble '", "', "), ("[request id: ", "] "))
# Triton's words for a request that a model's queue policy refuses or gives up.
_BUSY = ("Exceeds maximum queue size", "Request timeout expired")
# Triton's words for an output that a model does not have.
_UNKNOWN = "unexpected inference output"


def error_of(status: str | None, message: str, url: str) -> MintmarkError:
    """The exception for a gRPC status, such as 'StatusCode.NOT_FOUND', and the text that came with it."""
    code, text = _split(_own_words(message))
    if code:
        kind = BY_CODE[code]
        return kind(f"server {url} is unavailable: {text}" if kind is ServerUnavailable else text)
    # Errors without a code come from Triton itself, or from the network between it and the client.
    name = (status or "").removeprefix("StatusCode.")
    if name in ("UNAUTHENTICATED", "PERMISSION_DENIED"):
        return Unauthorized(text)
    if name == "INVALID_ARGUMENT" and _UNKNOWN in text:
        return ServerError(f"server {url} failed: {text}; {OLDER}")
    if name == "INVALID_ARGUMENT":
        return InvalidRequest(text)
    if name == "UNAVAILABLE" and any(words in text for words in _BUSY):
        return ServerBusy(f"server {url} is busy, try again later: {text}")
    if name == "UNAVAILABLE":
        return ServerUnavailable(f"server {url} is unavailable: {reason(text)}")
    if name == "UNIMPLEMENTED" and is_no_server(text):
        return ServerUnavailable(f"server {url} is unavailable: what answers there is no Mintmark server")
    if name == "DEADLINE_EXCEEDED":
        return RequestTimeout(f"server {url} did not answer in time: {text}")
    return ServerError(f"server {url} failed: {name or 'no status'}: {text}")


def _split(message: str) -> tuple[str, str]:
    """The code of an error and its text; '' and the whole message if there is no code."""
    for code in contract.ERROR_CODES:
        lead = contract.CODE_FORMAT.format(code=code)
        if message.startswith(lead):
            return code, message.removeprefix(lead)
    return "", message


def _own_words(message: str) -> str:
    """The message on one line, without what Triton puts before it: the ensemble's name and the request's id."""
    text = " ".join(message.split())
    for begin, end in (*_PREFIXES, *_PREFIXES):  # in any order
        if text.startswith(begin) and end in text:
            text = text.partition(end)[2]
    return text


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
    except (ValueError, struct.error) as error:  # fewer bytes than the shape needs
        raise ServerError(f"{model} answered a tensor that cannot be read: {error}") from error
    return {name: array for name, array in arrays.items() if array is not None}
