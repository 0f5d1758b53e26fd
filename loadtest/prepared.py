"""Requests that are encoded once and sent many times: the load leaves more of the cores to the server beside it."""

import os

import grpc
from tritonclient.grpc import service_pb2 as pb

from ensemble import variables
from ensemble.contract import COIN_SEARCH, ENCODED
from loadtest.host import TIMEOUT
from mintmark._transports.triton import error_of

_METHOD = "/inference.GRPCInferenceService/ModelInfer"


def encoded(photo: bytes) -> bytes:
    """The request that the client's `recognize` sends for a photo, as it goes over the wire."""
    request = pb.ModelInferRequest(model_name=COIN_SEARCH.name)
    request.inputs.add(name=ENCODED.name, datatype=ENCODED.dtype.value, shape=[1, *ENCODED.dims])
    request.raw_input_contents.append(len(photo).to_bytes(4, "little") + photo)
    return request.SerializeToString()


class Sender:
    """A connection that may be used by many threads.

    Args:
        url: HOST:PORT of the server; the token is that of MINTMARK_TOKEN.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        options = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]
        self._send = grpc.insecure_channel(url, options).unary_unary(_METHOD)
        token = os.environ.get(variables.TOKEN)
        self._metadata = [("authorization", f"Bearer {token}")] if token else None

    def ask(self, request: bytes) -> bytes:
        """Send an encoded request and return the encoded answer.

        Raises:
            MintmarkError: what the client would raise.
        """
        try:
            return self._send(request, timeout=TIMEOUT, metadata=self._metadata)
        except grpc.RpcError as error:
            raise error_of(COIN_SEARCH.name, str(error.code()), error.details(), self._url) from error
