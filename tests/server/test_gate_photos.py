"""The gate holds as many photos as the server can, and refuses the others at once."""

import asyncio
import re
from pathlib import Path
from typing import Any, cast

import grpc
import pytest
from grpc import aio
from tritonclient.grpc import service_pb2

from ensemble.cpu import REFERENCE
from ensemble.placement import CPU_ADMISSION, most_photos
from mintmark import ServerBusy
from mintmark._transports import triton as client
from server.gate.calls import SERVICE, Calls, to_triton
from server.gate.counts import Counts, written
from server.gate.settings import GateSettings, grpc_target
from server.gate.state import State

MOST = 3
INFER = SERVICE + "ModelInfer"


class Channel:
    """Stands for Triton: answers when it is let."""

    def __init__(self) -> None:
        self.asked = 0
        self.let = asyncio.Event()

    def unary_unary(self, method: str) -> Any:
        async def call(request: bytes, **_: Any) -> bytes:
            self.asked += 1
            await self.let.wait()
            if request.endswith(b"broken"):
                raise ValueError("broken")
            return b"answer"

        return call


class Aborted(Exception):
    """What a context raises that was told to abort."""


class Context:
    """Of one call; `left` are the seconds that its client still waits."""

    left: float | None = None

    def invocation_metadata(self) -> tuple[tuple[str, str], ...]:
        return ()

    def time_remaining(self) -> float | None:
        return self.left

    async def abort(self, code: grpc.StatusCode, details: str) -> None:
        raise Aborted(code, details)


def request(model: str, **parameters: int) -> bytes:
    message = service_pb2.ModelInferRequest(model_name=model)
    for name, value in parameters.items():
        message.parameters[name].int64_param = value
    return bytes(message.SerializeToString())


def handler(channel: Channel, most: int = MOST, counts: Counts | None = None) -> Any:
    settings = GateSettings("", "127.0.0.1", 1, 0, 2, most_photos=most)
    calls = Calls(cast(Any, channel), State(True, True, 1), settings, counts or Counts(1))
    return lambda data: calls._handlers[INFER](data, cast(Any, Context()))


async def begun(*calls: Any) -> list["asyncio.Task[bytes]"]:
    tasks = [asyncio.ensure_future(call) for call in calls]
    for _ in range(5):
        await asyncio.sleep(0)
    return tasks


def test_photos_beyond_the_most_are_refused_until_one_is_answered() -> None:
    async def run() -> None:
        channel = Channel()
        infer = handler(channel)
        held = await begun(*(infer(request(model)) for model in ("coin_search", "coin_embedding", "coin_enroll")))
        with pytest.raises(Aborted) as caught:
            await infer(request("coin_search"))
        code, details = caught.value.args
        assert code is grpc.StatusCode.UNAVAILABLE and channel.asked == MOST
        assert any(details.startswith(busy) for busy in client._BUSY), f"clients take it for {ServerBusy.__name__}"
        (other,) = await begun(infer(request("catalog")))
        channel.let.set()
        assert await asyncio.gather(*held, other) == [b"answer"] * (MOST + 1)
        assert await infer(request("coin_search")) == b"answer"

    asyncio.run(run())


def test_a_call_that_fails_makes_room() -> None:
    async def run() -> None:
        channel = Channel()
        infer = handler(channel, most=1)
        channel.let.set()
        for _ in range(3):
            with pytest.raises(ValueError, match="broken"):
                await infer(request("coin_search") + b"\x92\x03\x06broken")
        assert await infer(request("coin_search")) == b"answer"

    asyncio.run(run())


def test_without_a_limit_all_pass() -> None:
    async def run() -> None:
        channel = Channel()
        infer = handler(channel, most=0)
        held = await begun(*(infer(request("coin_search")) for _ in range(50)))
        channel.let.set()
        assert len(await asyncio.gather(*held)) == channel.asked == 50

    asyncio.run(run())


def test_the_gate_lets_in_what_fits_into_the_queue_and_the_workers() -> None:
    assert most_photos(REFERENCE) == CPU_ADMISSION.size + REFERENCE.workers


def test_an_error_that_repeats_a_long_name_is_still_its_senders(tmp_path: Path) -> None:
    """Triton says the name of a model that it does not have."""

    class Triton(grpc.GenericRpcHandler):
        def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
            async def refuse(request: bytes, context: aio.ServicerContext[bytes, bytes]) -> None:
                await context.abort(grpc.StatusCode.NOT_FOUND, f"Request for unknown model: '{'m' * 1_000_000}'")

            return grpc.unary_unary_rpc_method_handler(refuse)

    async def run() -> Counts:
        triton, counts = aio.server(), Counts(1)
        triton.add_generic_rpc_handlers([Triton()])
        triton.add_insecure_port(grpc_target(tmp_path))
        await triton.start()
        try:
            async with to_triton(tmp_path) as channel:
                calls = Calls(channel, State(True, True, 1), GateSettings("", "127.0.0.1", 1, 0, 2), counts)
                with pytest.raises(Aborted) as refused:
                    await calls._handlers[INFER](request("m"), cast(Any, Context()))
        finally:
            await triton.stop(0)
        assert refused.value.args[0] is grpc.StatusCode.NOT_FOUND
        return counts

    text = written(tmp_path, asyncio.run(run()))
    assert re.findall(r'code="(\w+)",fault="(\w+)"} 1.0', text) == [("REFUSED", "client")]


def test_a_client_that_waited_in_vain_did_not_cancel(tmp_path: Path) -> None:
    """A call whose time is over is cancelled by gRPC."""

    async def run() -> Counts:
        counts, late = Counts(1), Context()
        settings = GateSettings("", "127.0.0.1", 1, 0, 2)
        calls = Calls(cast(Any, Channel()), State(True, True, 1), settings, counts)
        (task,) = await begun(calls._handlers[INFER](request("coin_search"), cast(Any, late)))
        late.left = 0.0
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return counts

    text = written(tmp_path, asyncio.run(run()))
    assert re.findall(r'code="(\w+)",fault="(\w+)"} 1.0', text) == [("TIMEOUT", "load")]


def test_every_call_is_counted_by_how_it_ended(tmp_path: Path) -> None:
    async def run() -> Counts:
        channel, counts = Channel(), Counts(1)
        infer = handler(channel, 2, counts)
        held, left = await begun(infer(request("coin_search")), infer(request("coin_enroll")))
        with pytest.raises(Aborted):
            await infer(request("coin_search"))
        left.cancel()
        await asyncio.gather(left, return_exceptions=True)
        channel.let.set()
        await held
        with pytest.raises(ValueError, match="broken"):
            await infer(request("coin_search") + b"\x92\x03\x06broken")
        return counts

    text = written(tmp_path, asyncio.run(run()))
    counted = set(re.findall(r'^mintmark_requests_total.*model="(\w+)",code="(\w+)".* 1.0$', text, re.MULTILINE))
    assert counted == {
        ("coin_search", "OK"),
        ("coin_search", "BUSY"),
        ("coin_search", "FAILED"),
        ("coin_enroll", "CANCELLED"),
    }
