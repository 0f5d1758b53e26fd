"""A real Prometheus scrapes a real server: every query of the dashboard, the rules and the autoscalers gives a series.

Queries about a GPU are only asked, since there is none here. Grafana itself is not here either.
"""

import json
import shutil
import socket
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.monitoring.dashboard import ROWS
from mintmark import Client, InvalidPhoto
from server.launch import LOOPBACK
from server.tied import tied
from tests.deploy.charts import KEDA, MILVUS, NAME, NAMESPACE, merged, needs_helm, of_kind, render
from tests.deploy.charts import TOKEN as CHART_TOKEN
from tests.server.conftest import ROOT, Coin, Running, jpeg

PROMETHEUS = shutil.which("prometheus")
pytestmark = [
    pytest.mark.server,
    pytest.mark.skipif(PROMETHEUS is None, reason="needs Debian's package prometheus: make debian"),
]
RULES = ROOT / "deploy" / "monitoring" / "rules.yaml"
WINDOW = "10s"  # instead of minutes: the test asks soon after the first photos
PATIENCE = 60  # s
POD = f"{NAME}-6d4cf56db6-x7k2p"  # as a Deployment names it
QUERIES = [
    (panel.title, query.expression, panel.gpu) for row in ROWS.values() for panel in row for query in panel.queries
]


class Prometheus:
    """A Prometheus in a process of its own, that scrapes one server as if that were a pod."""

    def __init__(self, folder: Path, server: Running) -> None:
        target = server.metrics.removeprefix("http://").removesuffix("/metrics")
        rules = RULES.read_text().replace("[5m]", f"[{WINDOW}]").replace("[2m]", f"[{WINDOW}]")
        (folder / "rules.yaml").write_text(rules.replace("interval: 30s", "interval: 1s"))
        labels = {"namespace": NAMESPACE, "pod": POD}
        settings = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": ["rules.yaml"],
            "scrape_configs": [{"job_name": "mintmark", "static_configs": [{"targets": [target], "labels": labels}]}],
        }
        (folder / "prometheus.yml").write_text(yaml.safe_dump(settings))
        with socket.socket() as free:
            free.bind((LOOPBACK, 0))
            self._address = f"{LOOPBACK}:{free.getsockname()[1]}"
        with (folder / "log.txt").open("wb") as log:
            self._process = subprocess.Popen(
                tied(
                    [
                        *(str(PROMETHEUS), f"--config.file={folder}/prometheus.yml"),
                        *(f"--storage.tsdb.path={folder}/data", f"--web.listen-address={self._address}"),
                    ]
                ),
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def get(self, path: str, **parameters: str) -> Any:
        """What its API answers."""
        url = f"http://{self._address}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        with urllib.request.urlopen(url, timeout=10) as answer:
            return json.load(answer)["data"]

    def series(self, query: str) -> list[dict[str, Any]]:
        """What a query gives now."""
        return list(
            self.get("query", query=query.replace("$instance", ".*").replace("$__rate_interval", WINDOW))["result"]
        )

    def seen(self, query: str) -> list[dict[str, Any]]:
        """What a query gives, as soon as it gives something."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                if found := self.series(query):
                    return found
            except OSError as error:
                assert self._process.poll() is None, error
            assert time.monotonic() < deadline, f"no series: {query}"
            time.sleep(0.5)

    def stop(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait(30)


@pytest.fixture(scope="module")
def prometheus(
    server: Running, client: Client, coins: list[Coin], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Prometheus]:
    """One that has seen some photos come."""
    prometheus = Prometheus(tmp_path_factory.mktemp("prometheus"), server)
    try:
        prometheus.seen("mintmark_ready")
        client.enroll(jpeg(coins[0].catalog), coins[0].fields)
        for _ in range(6):
            for coin in coins[:2]:
                client.recognize(jpeg(coin.query))
            with pytest.raises(InvalidPhoto):
                client.recognize(b"no photo")
            time.sleep(0.5)
        prometheus.seen('rate(mintmark_requests_total{code="INVALID_PHOTO"}[10s]) > 0')
        yield prometheus
    finally:
        prometheus.stop()


@pytest.mark.parametrize(("title", "query", "gpu"), QUERIES)
def test_every_query_of_the_dashboard_gives_a_series(prometheus: Prometheus, title: str, query: str, gpu: bool) -> None:
    if gpu:
        assert prometheus.series(query) == [], "there is a GPU: ask as for the others"
    else:
        assert prometheus.seen(query)


def test_every_rule_is_evaluated(prometheus: Prometheus) -> None:
    """Recording rules give a series. A server that works, asked with bad photos, alerts nobody."""
    for group in yaml.safe_load(RULES.read_text())["groups"]:
        for rule in group["rules"]:
            if "record" in rule:
                assert prometheus.seen(rule["record"]), rule["record"]
    found = [rule for group in prometheus.get("rules")["groups"] for rule in group["rules"]]
    assert [rule["name"] for rule in found if rule.get("lastError")] == []
    critical = [rule for rule in found if rule.get("labels", {}).get("severity") == "critical"]
    assert critical and all(rule["state"] == "inactive" for rule in critical)


@needs_helm
def test_keda_s_query_gives_one_number(prometheus: Prometheus) -> None:
    (scaler,) = of_kind(render(merged(CHART_TOKEN, MILVUS, KEDA)), "ScaledObject")
    query = scaler["spec"]["triggers"][0]["metadata"]["query"]
    (value,) = prometheus.seen(query.replace("[2m]", f"[{WINDOW}]"))
    assert 0 <= float(value["value"][1]) < 60


def test_the_adapter_s_query_gives_a_number_for_each_pod(prometheus: Prometheus) -> None:
    (rule,) = yaml.safe_load((ROOT / "deploy/monitoring/prometheus_adapter.yaml").read_text())["rules"]["custom"]
    query = rule["metricsQuery"].replace("<<.LabelMatchers>>", f'namespace="{NAMESPACE}",pod=~"{POD}"')
    (value,) = prometheus.seen(query.replace("<<.GroupBy>>", "pod").replace("[2m]", f"[{WINDOW}]"))
    assert value["metric"] == {"pod": POD}
    assert prometheus.series(rule["seriesQuery"])
