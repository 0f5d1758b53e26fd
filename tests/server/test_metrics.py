"""A real server tells its metrics: every one that docs/monitoring.md lists, and no other of its own."""

import re
import time
import urllib.request
from collections.abc import Callable

import pytest

from mintmark import Client, EntryNotFound, InvalidPhoto, Unauthorized
from tests.server.conftest import ROOT, Coin, Running, jpeg

pytestmark = pytest.mark.server

LISTED = re.findall(
    r"^\| `(mintmark_\w+)` \| (\w+) \| (.*?) \|", (ROOT / "docs/monitoring.md").read_text(), re.MULTILINE
)
SOON = 30  # s in which a number reaches the metrics


def scraped(server: Running) -> str:
    with urllib.request.urlopen(server.metrics, timeout=30) as answer:
        return str(answer.read().decode())


def total(text: str, name: str, **labels: str) -> float:
    """The sum of a metric's series that have these labels."""
    found = re.findall(rf"^{name}(?:\{{(.*?)\}})? (\S+)$", text, flags=re.MULTILINE)
    wanted = [f'{label}="{value}"' for label, value in labels.items()]
    return sum(float(value) for said, value in found if all(one in said.split(",") for one in wanted))


def wait_until(server: Running, holds: Callable[[str], bool]) -> str:
    """The metrics, once something holds."""
    deadline = time.monotonic() + SOON
    while not holds(text := scraped(server)):
        assert time.monotonic() < deadline, text
        time.sleep(0.1)
    return text


@pytest.fixture(scope="module")
def asked(server: Running, client: Client, coins: list[Coin]) -> tuple[str, str]:
    """Metrics before and after some photos and mistakes."""
    before = scraped(server)
    client.enroll(jpeg(coins[0].catalog), coins[0].fields)
    assert client.recognize(jpeg(coins[0].query)).known
    assert not client.recognize(jpeg(coins[1].query)).known
    with pytest.raises(InvalidPhoto):
        client.recognize(b"no photo")
    with pytest.raises(EntryNotFound):
        client.remove("nobody")
    with Client(server.url, token="wrong") as stranger, pytest.raises(Unauthorized):
        stranger.remove("nobody")
    time.sleep(1)  # a model reports with the next request, if the last report is a moment ago
    client.recognize(jpeg(coins[0].query))
    seen = total(before, "mintmark_requests_total", model="coin_search") + 4
    return before, wait_until(server, lambda text: total(text, "mintmark_requests_total", model="coin_search") == seen)


def rose(asked: tuple[str, str], name: str, **labels: str) -> float:
    before, after = asked
    return total(after, name, **labels) - total(before, name, **labels)


@pytest.mark.parametrize(("name", "kind", "labels"), LISTED)
def test_every_listed_metric_is_there(asked: tuple[str, str], name: str, kind: str, labels: str) -> None:
    text = asked[1]
    assert f"# TYPE {name} {kind}\n" in text
    series = re.findall(rf"^{name}(?:_bucket)?(?:\{{(.*?)\}})? ", text, flags=re.MULTILINE)
    assert series
    found = set(re.findall(r'(\w+)="', ",".join(series))) - {"le"}
    assert found == set(re.findall(r"`(\w+)`", labels))


def test_no_other_metric_is_there(asked: tuple[str, str]) -> None:
    families = set(re.findall(r"^# TYPE (mintmark_\w+)", asked[1], flags=re.MULTILINE))
    assert families == {name for name, _, _ in LISTED}


def test_photos_and_refusals_are_told_apart(asked: tuple[str, str]) -> None:
    assert rose(asked, "mintmark_photos_total", result="known") == 2
    assert rose(asked, "mintmark_photos_total", result="unknown") == 1
    assert rose(asked, "mintmark_coin_probability_count") == 3
    assert rose(asked, "mintmark_requests_total", model="coin_search", code="OK") == 3
    assert rose(asked, "mintmark_request_seconds_count", model="coin_search") == 3
    assert rose(asked, "mintmark_requests_total", code="INVALID_PHOTO", fault="client") == 1
    assert rose(asked, "mintmark_requests_total", code="ENTRY_NOT_FOUND", fault="client") == 1
    assert rose(asked, "mintmark_requests_total", code="UNAUTHORIZED", fault="client") == 1
    assert rose(asked, "mintmark_requests_total", fault="server") == 0


def test_comparisons_and_the_catalog_are_told(asked: tuple[str, str]) -> None:
    assert rose(asked, "mintmark_verified_queries_total") >= 2
    assert rose(asked, "mintmark_candidates_total") >= 2
    assert total(asked[1], "mintmark_catalog_disk_free_bytes") < total(asked[1], "mintmark_catalog_disk_bytes")
    assert total(asked[1], "mintmark_ready") == 1


def test_over_http_requests_are_counted_too(server: Running) -> None:
    before = total(scraped(server), "mintmark_requests_total", model="coin_search", code="INVALID_PHOTO", gate="0")
    headers = {"Content-Type": "application/octet-stream", "Inference-Header-Content-Length": "0"}
    request = urllib.request.Request(f"{server.http}/v2/models/coin_search/infer", b"no photo", headers)
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=30)
    refused.value.close()
    after = total(scraped(server), "mintmark_requests_total", model="coin_search", code="INVALID_PHOTO", gate="0")
    assert after == before + 1
