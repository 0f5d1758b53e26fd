"""Common to all Python models: read a request's inputs, give every request its own answer or error."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils

from ensemble.access import check_read, own_right
from ensemble.audit import CHANGE, REFUSED, record
from ensemble.contract import Model, Tensor
from ensemble.errors import AccessError, ParameterError, RequestError, Status, refused, shortened

Answer = dict[Tensor, np.ndarray]


def settings(args: dict[str, str]) -> dict[str, str]:
    """Parameters in the model's config."""
    return {key: value["string_value"] for key, value in json.loads(args["model_config"]).get("parameters", {}).items()}


def gpu_of(args: dict[str, str]) -> int | None:
    """Number of the GPU that Triton has placed this instance of a model on; None on a CPU."""
    return int(args["model_instance_device_id"]) if args["model_instance_kind"] == "GPU" else None


def max_batch(args: dict[str, str]) -> int:
    """The most rows that one request to the model may have."""
    return int(json.loads(args["model_config"])["max_batch_size"])


def array(request: Any, tensor: Tensor) -> np.ndarray:
    """One input of a request, [B, …]; an input on a GPU is copied to the host."""
    given = in_place(request, tensor)
    return given if isinstance(given, np.ndarray) else given.get()


def in_place(request: Any, tensor: Tensor) -> Any:
    """One input of a request, [B, …], without a copy: a numpy array on the host, a CuPy array on a GPU.

    Inputs stay on the GPU only if the model's config has FORCE_CPU_ONLY_INPUT_TENSORS "no". Triton has finished writing
    them.
    """
    given = pb_utils.get_input_tensor_by_name(request, tensor.name)
    if given.is_cpu():
        return given.as_numpy()
    import cupy  # installed on GPU hosts only

    return cupy.from_dlpack(given)


def texts(request: Any, tensor: Tensor, most: int) -> list[str]:
    """A BYTES input of a request as text, one string per row.

    Raises:
        ParameterError: a row has more than `most` bytes, or is not valid UTF-8.
    """
    rows = array(request, tensor).reshape(-1)
    if (longest := max(map(len, rows), default=0)) > most:
        raise ParameterError(f"{tensor.name} has {longest} bytes; the limit is {most}: send less at a time")
    try:
        return [row.decode() for row in rows]
    except UnicodeDecodeError as error:
        raise ParameterError(f"{tensor.name} is not UTF-8 text: {error}") from error


def column(rows: Sequence[str]) -> np.ndarray:
    """A BYTES output [B, 1], one string per row."""
    return np.array([[row.encode()] for row in rows], object).reshape(-1, 1)


def parameters(request: Any) -> dict[str, Any]:
    """Parameters of a request, with the headers that Triton forwards."""
    return dict(json.loads(request.parameters() or "{}"))


def call(model: Model, inputs: dict[Tensor, np.ndarray], given: Mapping[str, Any] | None = None) -> Answer:
    """Ask another model of this server, and wait for the answer.

    Args:
        model: to ask.
        inputs: each [B, …].
        given: request parameters beside the right to read.

    Raises:
        RequestError: the model refused the request.
        RuntimeError: the model answered with another error.
    """
    answer = pb_utils.InferenceRequest(
        model_name=model.name,
        requested_output_names=[tensor.name for tensor in model.outputs],
        inputs=[pb_utils.Tensor(tensor.name, array) for tensor, array in inputs.items()],
        preferred_memory=pb_utils.PreferredMemory(pb_utils.TRITONSERVER_MEMORY_CPU),
        parameters={**(given or {}), **own_right()},
    ).exec()
    if answer.has_error():
        message = answer.error().message()
        raise refused(message) or RuntimeError(f"{model.name} failed: {message}")
    return {t: pb_utils.get_output_tensor_by_name(answer, t.name).as_numpy() for t in model.outputs}


def changed(request: Any, who: str, **said: object) -> None:
    """Tell the audit log of a change.

    Args:
        request: that asked for it.
        who: name of the token's holder; '' where changes need no token.
        said: what was done, to which entries.
    """
    record(CHANGE, who=who, request=request.request_id(), **said)


def named(answer: Answer) -> dict[str, np.ndarray]:
    """An answer by the names of its tensors."""
    return {tensor.name: array for tensor, array in answer.items()}


def refusal(request: Any) -> Any:
    """The response to a request that may not read; None if it may."""
    try:
        check_read(parameters(request))
    except AccessError as error:
        record(REFUSED, why=str(error), request=_id_of(request))
        return _refuse(error.answer, getattr(pb_utils.TritonError, error.status.value))
    return None


def answer_each(requests: Sequence[Any], answer: Callable[[Any], Answer]) -> list[Any]:
    """Answer every request on its own: an error in one does not touch the others."""
    return [_respond(request, answer) for request in requests]


def _respond(request: Any, answer: Callable[[Any], Answer]) -> Any:
    try:
        tensors = [pb_utils.Tensor(tensor.name, array) for tensor, array in answer(request).items()]
        return pb_utils.InferenceResponse(tensors)
    except RequestError as error:
        if isinstance(error, AccessError):
            record(REFUSED, why=str(error), request=_id_of(request))
        if error.status is Status.UNAVAILABLE:  # not the caller's fault
            pb_utils.Logger.log_error(shortened(str(error)))
        return _refuse(error.answer, getattr(pb_utils.TritonError, error.status.value))
    except Exception as error:
        pb_utils.Logger.log_error(shortened(f"{type(error).__name__}: {error}"))
        return _refuse(shortened(f"internal error: {type(error).__name__}: {error}"), pb_utils.TritonError.INTERNAL)


def _id_of(request: Any) -> str:
    """The id that a client gave its request; '' for what is no request, such as a decoded photo."""
    return str(request.request_id()) if hasattr(request, "request_id") else ""


def _refuse(message: str, code: Any) -> Any:
    return pb_utils.InferenceResponse(error=pb_utils.TritonError(message, code))
