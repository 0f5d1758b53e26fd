"""Who may not read has nothing computed, and who may not overtake waits."""

import json
import threading
import time

import numpy as np
import pytest
from tritonclient.utils import InferenceServerException

from ensemble.contract import (
    CATALOG,
    COIN,
    COIN_EMBEDDING,
    COIN_ENROLL,
    COIN_SEARCH,
    DECODE,
    EMBEDDER,
    ENCODED,
    METADATA,
    REQUEST,
)
from mintmark import Client, InvalidRequest
from server.gate.rules import PRIORITY_HEADER
from tests.attacks.conftest import BEARER, CHANGE, PRIORITY, READ, Raw, one
from tests.server.conftest import Running

pytestmark = pytest.mark.server


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer wrong"}, {"x-authorization": f"Bearer {READ}"}])
def test_without_a_token_nothing_is_computed(good: Client, raw: Raw, headers: dict[str, str]) -> None:
    """What cannot be decoded, parsed or computed is refused for the token alone: nobody has looked at it."""
    asked = [
        (COIN_SEARCH, {ENCODED: one("no photo")}),
        (COIN_EMBEDDING, {ENCODED: one("no photo")}),
        (COIN_ENROLL, {ENCODED: one("no photo"), METADATA: one("no JSON")}),
        (DECODE, {ENCODED: one("no photo")}),
        (EMBEDDER, {COIN: np.zeros((1, *COIN.dims), np.float32)}),
        (CATALOG, {REQUEST: one("no JSON")}),
    ]
    for model, inputs in asked:
        with pytest.raises(InferenceServerException, match="UNAUTHORIZED"):
            raw.infer(model, inputs, headers)


def test_another_header_beside_a_good_one_is_no_parameter(good: Client, raw: Raw, photo: bytes) -> None:
    headers = {"authorization": f"Bearer {READ}", "x-authorization": "x", "authorization-more": "y"}
    raw.infer(COIN_SEARCH, {ENCODED: one(photo)}, headers)


@pytest.mark.parametrize("right", [None, "wrong", READ, CHANGE])
def test_a_priority_needs_its_own_right(good: Client, raw: Raw, photo: bytes, right: str | None) -> None:
    headers = BEARER if right is None else {**BEARER, PRIORITY_HEADER: right}
    for model in (COIN_SEARCH, DECODE):
        with pytest.raises(InferenceServerException, match="a priority needs the right to it"):
            raw.infer(model, {ENCODED: one(photo)}, headers, priority=1)


def test_who_has_the_right_overtakes(attacked: Running, good: Client, photo: bytes) -> None:
    """One after the other, such a request is answered before most of those that were there when it came."""
    waiting, answered = 24, []
    started = threading.Barrier(waiting + 1)

    def ask(number: int) -> None:
        client = Raw(attacked.url)
        started.wait()
        client.infer(COIN_SEARCH, {ENCODED: one(photo)}, BEARER)
        answered.append(number)
        client.close()

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(waiting)]
    for thread in threads:
        thread.start()
    client = Raw(attacked.url)
    started.wait()
    while not answered:  # the others stand in the queues
        time.sleep(0.01)
    client.infer(COIN_SEARCH, {ENCODED: one(photo)}, {**BEARER, PRIORITY_HEADER: PRIORITY}, priority=1)
    before = len(answered)
    client.close()
    for thread in threads:
        thread.join()
    assert len(answered) == waiting
    assert before < waiting / 2


@pytest.mark.parametrize("letter", ["x", "\u2026"])
def test_a_long_message_reaches_the_client(good: Client, raw: Raw, photo: bytes, letter: str) -> None:
    with pytest.raises(InferenceServerException) as refused:
        raw.ask(json.dumps({"operation": "show", "id": letter * 20_000}))
    assert "ENTRY_NOT_FOUND" in refused.value.message()
    with pytest.raises(InvalidRequest, match="unknown filter or parameter"):
        # The client itself would refuse a parameter of this name.
        good._infer(COIN_SEARCH.name, {ENCODED.name: one(photo)}, {letter * 20_000: "x"})


def test_a_request_that_is_too_long(good: Client, raw: Raw) -> None:
    text = '{"operation": "status", "more": "' + "x" * 16_000_000 + '"}'
    with pytest.raises(InferenceServerException, match="the limit is 16000000"):
        raw.ask(text)
