"""What the gate counts: codes, faults, histograms, and the numbers of several processes together."""

import asyncio
import re
import struct
from pathlib import Path

import grpc
import pytest
from tritonclient.grpc import service_pb2

from ensemble.errors import CODE_FORMAT, ERRORS, CatalogError
from server.gate.counts import (
    BUSY,
    CANCELLED,
    FAILED,
    HELP,
    OK,
    REFUSED,
    TIMEOUT,
    Counts,
    code_of,
    fault_of,
    file_of,
    written,
)

INVALID, INTERNAL = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.INTERNAL
UNAVAILABLE, DEADLINE = grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED
CATALOG = CatalogError.code
NOT_FOUND = grpc.StatusCode.NOT_FOUND


def value(text: str, series: str) -> float:
    """The value of a series in Prometheus's text."""
    (line,) = [line for line in text.splitlines() if line.startswith(f"{series} ")]
    return float(line.rpartition(" ")[2])


@pytest.mark.parametrize(
    ("details", "status", "code"),
    [
        ("[INVALID_PHOTO] the photo is empty", INVALID, "INVALID_PHOTO"),
        ("in ensemble 'coin_search', [NO_COIN] no coin", INVALID, "NO_COIN"),
        ("[request id: 7] Exceeds maximum queue size", UNAVAILABLE, BUSY),
        ("Request timeout expired", UNAVAILABLE, BUSY),
        ("unexpected inference input 'x' for model 'search'", INVALID, REFUSED),
        ("internal error: ZeroDivisionError", INTERNAL, FAILED),
        ("[MADE_UP] text of a client", INTERNAL, FAILED),
        ("Deadline Exceeded", DEADLINE, TIMEOUT),
        ("in ensemble 'coin_search', [request id: 7] [CATALOG_UNAVAILABLE] no connection", UNAVAILABLE, CATALOG),
    ],
)
def test_an_answer_has_the_code_of_its_error(details: str, status: grpc.StatusCode, code: str) -> None:
    assert code_of(details, status) == code


@pytest.mark.parametrize(
    ("details", "status", "code"),
    [
        ("Request for unknown model: '[CATALOG_UNAVAILABLE] x' is not found", NOT_FOUND, REFUSED),
        ("Request for unknown model: 'Request timeout expired' is not found", NOT_FOUND, REFUSED),
        ("[request id: x] [CATALOG_UNAVAILABLE] y] unexpected inference input", INVALID, REFUSED),
        ("[ENTRY_NOT_FOUND] no entry '[INVALID_PHOTO] '", NOT_FOUND, "ENTRY_NOT_FOUND"),
        ("[INVALID_PARAMETER] unknown filter 'Exceeds maximum queue size'", INVALID, "INVALID_PARAMETER"),
        ("internal error: ValueError: '[INVALID_PHOTO] '", INTERNAL, FAILED),
    ],
)
def test_no_text_of_a_client_makes_a_code(details: str, status: grpc.StatusCode, code: str) -> None:
    assert code_of(details, status) == code


def test_a_bad_photo_is_the_client_s_fault_and_a_lost_catalog_the_server_s() -> None:
    codes = {error.code: code_of(CODE_FORMAT.format(code=error.code), INTERNAL) for error in ERRORS}
    assert all(code == counted for code, counted in codes.items())
    of_the_server = {code for code in codes if fault_of(code) == "server"}
    assert of_the_server == {"CATALOG_UNAVAILABLE", "SERVER_STARTING"}
    assert {fault_of(code) for code in codes.keys() - of_the_server} == {"client"}
    faults = [fault_of(code) for code in (OK, REFUSED, CANCELLED, BUSY, TIMEOUT, FAILED)]
    assert faults == ["", "client", "client", "load", "load", "server"]


def test_requests_are_counted_by_model_and_code(tmp_path: Path) -> None:
    counts = Counts(1)
    for code, seconds in ((OK, 0.03), (OK, 0.2), ("INVALID_PHOTO", 0.01)):
        counts.answered("coin_search", code, seconds)
    text = written(tmp_path, counts)
    assert value(text, 'mintmark_requests_total{gate="1",model="coin_search",code="OK",fault=""}') == 2
    bad = 'mintmark_requests_total{gate="1",model="coin_search",code="INVALID_PHOTO",fault="client"}'
    assert value(text, bad) == 1
    buckets = re.findall(r'_bucket\{gate="1",model="coin_search",le="(.+?)"\} (\S+)', text)
    assert [(le, float(count)) for le, count in buckets[1:6]] == [
        ("0.025", 0),
        ("0.05", 1),
        ("0.1", 1),
        ("0.25", 2),
        ("0.5", 2),
    ]
    assert buckets[-1] == ("+Inf", "2.0")
    assert value(text, 'mintmark_request_seconds_sum{gate="1",model="coin_search"}') == pytest.approx(0.23)


def test_names_that_clients_make_up_become_one_series(tmp_path: Path) -> None:
    counts = Counts(1)
    for number in range(100):
        counts.answered(f'model{number}"}} 1\nforged', REFUSED, 0.1)
    text = written(tmp_path, counts)
    assert value(text, 'mintmark_requests_total{gate="1",model="other",code="REFUSED",fault="client"}') == 100
    assert "forged" not in text


def answer(known: bool, found: float, probability: float, without: str = "") -> bytes:
    message = service_pb2.ModelInferResponse(model_name="coin_search")
    outputs = {
        "known": bytes([known]),
        "found": struct.pack("<f", found),
        "coin_probability": struct.pack("<f", probability),
    }
    for name, data in outputs.items():
        if name != without:
            message.outputs.add(name=name, datatype="FP32", shape=[1, 1])
            message.raw_output_contents.append(data)
    return bytes(message.SerializeToString())


def test_photos_are_counted_by_what_was_found(tmp_path: Path) -> None:
    counts = Counts(2)
    counts.photos("coin_search", answer(True, 1, 0.98))
    counts.photos("coin_search", answer(False, 1, 0.75))
    counts.photos("coin_search", answer(False, 0, 0.125))
    counts.photos("coin_search", answer(True, 1, 0.98, without="found"))  # asked for less
    counts.photos("catalog", b"no message")
    text = written(tmp_path, counts)
    found = {
        result: value(text, f'mintmark_photos_total{{gate="2",result="{result}"}}')
        for result in ("known", "unknown", "no_coin")
    }
    assert found == {"known": 1, "unknown": 1, "no_coin": 1}
    assert value(text, 'mintmark_coin_probability_bucket{gate="2",le="0.2"}') == 1
    assert value(text, 'mintmark_coin_probability_count{gate="2"}') == 3


def test_an_answer_in_another_form_harms_nothing(tmp_path: Path) -> None:
    counts = Counts(1)
    message = service_pb2.ModelInferResponse(model_name="coin_search")
    for name in ("known", "found", "coin_probability"):
        message.outputs.add(name=name, datatype="FP32", shape=[1, 1])
    counts.photos("coin_search", message.SerializeToString())
    assert value(written(tmp_path, counts), 'mintmark_photos_total{gate="1",result="known"}') == 0


def test_the_numbers_of_all_processes_are_offered_together(tmp_path: Path) -> None:
    """Each family once, as Prometheus wants it, and a file that is half written left out."""

    async def keep(counts: Counts) -> None:
        task = asyncio.create_task(counts.keep(tmp_path))
        while not file_of(tmp_path, 2).is_file():
            await asyncio.sleep(0.01)
        task.cancel()

    other, own = Counts(2), Counts(0)
    other.answered("coin_search", OK, 0.1)
    own.answered("coin_search", OK, 0.1)
    own.ready(True)
    asyncio.run(keep(other))
    (tmp_path / "3.json").write_text('{"mintmark_re')
    text = written(tmp_path, own)
    for gate in (0, 2):
        assert value(text, f'mintmark_requests_total{{gate="{gate}",model="coin_search",code="OK",fault=""}}') == 1
    assert text.count("# TYPE mintmark_requests_total counter\n") == 1
    assert value(text, "mintmark_ready") == 1
    families = re.findall(r"^# TYPE (\w+) (\w+)$", text, flags=re.MULTILINE)
    assert families == [(name, kind) for name, (kind, _) in HELP.items() if name in dict(families)]


def test_numbers_that_could_not_be_written_are_written_as_soon_as_they_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.gate.counts._EVERY", 0.01)
    folder = tmp_path / "full"

    async def keep() -> None:
        task = asyncio.create_task(Counts(2).keep(folder))
        await asyncio.sleep(0.1)
        folder.mkdir()
        for _ in range(500):
            if file_of(folder, 2).is_file():
                break
            await asyncio.sleep(0.01)
        task.cancel()

    asyncio.run(keep())
    assert file_of(folder, 2).is_file()
