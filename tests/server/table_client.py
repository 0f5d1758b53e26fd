"""The command `mintmark` in a process of its own, against a server with the catalog's models alone.

Of a photo, the models see what this makes up from its bytes, so ten thousand take a minute.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence

import numpy as np

from ensemble.contract import COIN_ENROLL, EMBEDDING, ENCODED, ENROLL, ENROLLED_ID, METADATA, RELIEF, WARNINGS
from mintmark import Client, TritonTransport
from mintmark._cli import main
from mintmark._transports.base import Tensors
from tests.server.catalog_server import SEEN, reliefs, unit


class WithoutPhotos:
    """A transport that enrolls made-up embeddings instead of photos."""

    def __init__(self, url: str) -> None:
        self._transport = TritonTransport(url)

    def infer(
        self,
        model: str,
        inputs: Tensors,
        outputs: Sequence[str],
        parameters: Mapping[str, str | int | bool],
        timeout: float,
    ) -> Tensors:
        """See Transport."""
        if model == COIN_ENROLL.name:
            embedding = unit(np.random.default_rng(list(inputs[ENCODED.name][0, 0])))
            made = {**SEEN, EMBEDDING: embedding[None], RELIEF: reliefs(embedding)}
            given = {tensor.name: array for tensor, array in made.items()}
            model, outputs = ENROLL.name, (ENROLLED_ID.name, WARNINGS.name)
            inputs = {**given, METADATA.name: inputs[METADATA.name]}
        return self._transport.infer(model, inputs, outputs, parameters, timeout)

    def ready(self, timeout: float) -> bool:
        """See Transport."""
        return self._transport.ready(timeout)

    def close(self) -> None:
        """See Transport."""
        self._transport.close()


def connect(args: argparse.Namespace) -> Client:
    """A client of the server at `--url`."""
    return Client(transport=WithoutPhotos(args.url))


if __name__ == "__main__":
    sys.exit(main(connect=connect))
