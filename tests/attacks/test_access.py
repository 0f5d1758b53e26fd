"""Who may not read has nothing computed, and nobody claims a priority."""

import json
import threading

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
from tests.attacks.conftest import BEARER, READ, Raw, one
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


def test_a_claimed_priority_starves_nobody(attacked: Running, good: Client, photo: bytes) -> None:
    """Twelve threads claim priority 1 without an end; others are answered among them, in the order of arrival."""
    ended = threading.Event()

    def claim() -> None:
        client = Raw(attacked.url)
        while not ended.is_set():
            try:
                client.infer(COIN_SEARCH, {ENCODED: one(photo)}, BEARER, priority=1)
            except InferenceServerException as error:  # the queue is full
                assert "UNAVAILABLE" in str(error.status())
        client.close()

    threads = [threading.Thread(target=claim) for _ in range(12)]
    for thread in threads:
        thread.start()
    try:
        with Client(attacked.url, token=READ, timeout=60) as client:
            assert client.recognize(photo).found
    finally:
        ended.set()
        for thread in threads:
            thread.join()


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
