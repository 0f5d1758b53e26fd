"""Which requests pass the gate."""

import hmac
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from ensemble.access import in_bytes
from ensemble.contract import COIN_SEARCH_ALL, ENSEMBLES

ADMIN_HEADER = "mintmark-admin"  # holds the operator's key, over gRPC and over HTTP
PRIORITY_HEADER = "mintmark-priority"  # holds the right to overtake others
MOST_TENSORS = 64  # inputs, or outputs, of a request
MOST_PARAMETERS = 64  # of a request, an input or an output
_SHARED_MEMORY = "shared_memory"  # begins the names of parameters that put a tensor into shared memory
_CLASSIFICATION = "classification"
_PRIORITY = "priority"
PHOTO_MODELS = frozenset(model.name for model in (*ENSEMBLES, COIN_SEARCH_ALL))


class RefusedError(Exception):
    """The gate does not pass on a request; the message says why."""


@dataclass(frozen=True)
class Asked:
    """What the gate looks at in an inference request, over either protocol.

    Attributes:
        model: that is asked; '' over HTTP, where Triton alone counts photos.
        parameters: names of the request's parameters.
        shapes: of the inputs.
        input_parameters: names of the parameters of each input.
        output_parameters: the same of each output.
        size: bytes of the whole request.
        may_overtake: whether its sender has the right to a priority.
    """

    model: str
    parameters: Collection[str]
    shapes: Sequence[Sequence[int]]
    input_parameters: Sequence[Collection[str]]
    output_parameters: Sequence[Collection[str]]
    size: int
    may_overtake: bool = False


def check(asked: Asked) -> None:
    """Let a request pass.

    Raises:
        RefusedError: Triton itself would crash, read shared memory, reserve more than was sent, or let it overtake
            others without a right to it.
    """
    tensors = (asked.input_parameters, asked.output_parameters)
    if max(map(len, tensors)) > MOST_TENSORS:
        raise RefusedError(f"a request has at most {MOST_TENSORS} inputs and {MOST_TENSORS} outputs")
    everywhere = [asked.parameters, *asked.input_parameters, *asked.output_parameters]
    if max(map(len, everywhere)) > MOST_PARAMETERS:
        raise RefusedError(f"a request, an input or an output has at most {MOST_PARAMETERS} parameters")
    for names in everywhere:
        if any(name.startswith(_SHARED_MEMORY) for name in names):
            raise RefusedError("tensors in shared memory are not taken: send them in the request")
    # On an output of text Triton divides by zero: it asks how many of the largest numbers are wanted.
    if any(_CLASSIFICATION in names for names in everywhere):
        raise RefusedError("no output of this server is a classification: leave out class_count")
    if _PRIORITY in asked.parameters and not asked.may_overtake:
        raise RefusedError(f"a priority needs the right to it: send the header '{PRIORITY_HEADER}', or no priority")
    _check_shapes(asked.shapes, asked.size)


def takes_turn(asked: Asked) -> bool:
    """Whether a request is one of many that wait for the same: a photo, and without a right to overtake others."""
    return asked.model in PHOTO_MODELS and _PRIORITY not in asked.parameters


def _check_shapes(shapes: Iterable[Sequence[int]], size: int) -> None:
    for shape in shapes:
        elements = 1
        for length in shape:
            if length < 0:
                raise RefusedError(f"the shape of an input has the negative length {length}")
            elements *= length
            if elements > size:  # each element takes a byte at least
                raise RefusedError("the shape of an input has more elements than the request has bytes")


def has_right(given: str, key: str) -> bool:
    """Whether a request carries a key; where none is set, no request does."""
    return bool(key) and hmac.compare_digest(in_bytes(given), key.encode())
