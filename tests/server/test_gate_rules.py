"""What the gate lets pass: rules without a server."""

import json
from dataclasses import replace

import pytest
import tritonclient.grpc as grpc
from tritonclient.grpc import service_pb2

from server.gate import calls, web
from server.gate.rules import MOST_PARAMETERS, MOST_TENSORS, Asked, RefusedError, check, has_right, takes_turn

GOOD = Asked("coin_search", ["k"], [[1, 1]], [[]], [[]], 100)


def refused(asked: Asked) -> str:
    with pytest.raises(RefusedError) as caught:
        check(asked)
    return str(caught.value)


def test_what_clients_send_passes() -> None:
    check(GOOD)
    check(replace(GOOD, shapes=[[1, 1], [0], []], input_parameters=[["binary_data_size"]]))


@pytest.mark.parametrize("name", ["shared_memory_region", "shared_memory_offset", "shared_memory_byte_size"])
def test_shared_memory_is_refused_everywhere(name: str) -> None:
    for asked in (
        replace(GOOD, parameters=[name]),
        replace(GOOD, input_parameters=[[], [name]]),
        replace(GOOD, output_parameters=[["k", name]]),
    ):
        assert "shared memory" in refused(asked)


def test_classifications_are_refused() -> None:
    assert "class_count" in refused(replace(GOOD, output_parameters=[["classification"]]))


@pytest.mark.parametrize("shape", [[2**62, 1], [-1], [2**63 - 1, 2**63 - 1], [101], [0, -1]])
def test_shapes_are_no_larger_than_what_was_sent(shape: list[int]) -> None:
    assert "shape" in refused(replace(GOOD, shapes=[[1], shape]))


def test_a_priority_needs_a_right() -> None:
    assert "priority" in refused(replace(GOOD, parameters=["priority"]))
    check(replace(GOOD, parameters=["priority"], may_overtake=True))


def test_photos_wait_in_turn() -> None:
    """Those with a right to overtake have a queue of their own in Triton."""
    assert takes_turn(GOOD) and takes_turn(replace(GOOD, model="coin_enroll"))
    assert not takes_turn(replace(GOOD, parameters=["priority"], may_overtake=True))
    assert not takes_turn(replace(GOOD, model="catalog")) and not takes_turn(replace(GOOD, model=""))


def test_there_are_not_too_many_of_anything() -> None:
    assert "inputs" in refused(replace(GOOD, input_parameters=[[]] * (MOST_TENSORS + 1)))
    assert "parameters" in refused(replace(GOOD, parameters=[str(n) for n in range(MOST_PARAMETERS + 1)]))


def test_an_operator_without_a_key_is_nobody() -> None:
    assert not has_right("", "")
    assert not has_right("x", "")
    assert not has_right("", "key") and not has_right("kex", "key")
    assert has_right("key", "key")


def test_grpc_and_http_are_read_alike() -> None:
    photo = grpc.InferInput("encoded", [1, 1], "BYTES")
    wanted = grpc.InferRequestedOutput("coin_id", class_count=3)
    message = service_pb2.ModelInferRequest(model_name="coin_search")
    message.inputs.extend([photo._get_tensor()])
    message.outputs.extend([wanted._get_tensor()])
    message.parameters["k"].int64_param = 3
    over_grpc = calls.asked(message.SerializeToString())
    said = {
        "inputs": [{"name": "encoded", "datatype": "BYTES", "shape": [1, 1]}],
        "outputs": [{"name": "coin_id", "parameters": {"classification": 3}}],
        "parameters": {"k": 3},
    }
    over_http = web.asked(said, over_grpc.size)
    assert replace(over_grpc, model="") == over_http
    assert "class_count" in refused(over_http)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"1",
        b'{"a": NaN}',
        b'{"a": 1e999}',
        b"[" * 100_000,
        b"\xff",
        json.dumps({"inputs": {}}).encode(),
        json.dumps({"inputs": [1]}).encode(),
        json.dumps({"inputs": [{"shape": 3}]}).encode(),
        json.dumps({"inputs": [{"shape": [1.5]}]}).encode(),
        json.dumps({"inputs": [{"shape": [True]}]}).encode(),
        json.dumps({"outputs": [{"parameters": []}]}).encode(),
    ],
)
def test_what_is_no_request_is_refused(body: bytes) -> None:
    with pytest.raises(RefusedError):
        said, _ = web.parsed(body, None)
        check(web.asked(said, len(body)))


@pytest.mark.parametrize("length", ["-1", "x", "1e3", "9" * 12, "5", ""])
def test_the_length_of_the_json_is_one(length: str) -> None:
    with pytest.raises(RefusedError):
        web.parsed(b'{"inputs": []}tensor', length)


def test_tensors_behind_the_json_stay_as_they_are() -> None:
    assert web.parsed(b'{"inputs": []}tensor', "14") == ({"inputs": []}, b"tensor")


def test_a_body_without_json_is_a_photo() -> None:
    said, tensor = web.parsed(b"photo", "0")
    assert tensor == b"\5\0\0\0photo"
    assert said["inputs"][0]["parameters"] == {"binary_data_size": 9} and said["inputs"][0]["name"] == "encoded"
    check(web.asked(said, len(tensor)))


def test_a_message_of_another_kind_is_refused() -> None:
    with pytest.raises(RefusedError, match="no ModelInferRequest"):
        calls.asked(b"\xff\xff\xff\xff")
