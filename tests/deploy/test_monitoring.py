"""Rules, alerts and dashboard: well formed, each alert tried on invented series, and copied into the chart."""

import json
import re
import shutil
import subprocess
from typing import Any

import pytest
import yaml

from ensemble.contract import COIN_ENROLL, COIN_SEARCH, COIN_SEARCH_ALL
from ensemble.errors import ERRORS
from server.gate.counts import CLIENT, LOAD, REFUSED, SERVER
from tests.deploy.charts import CHART, TOKEN, merged, needs_helm, of_kind, render
from tests.deploy.conftest import ROOT

MONITORING = ROOT / "deploy" / "monitoring"
TESTS = ROOT / "tests" / "deploy" / "rules_test.yaml"
PROMTOOL = shutil.which("promtool")
needs_promtool = pytest.mark.skipif(PROMTOOL is None, reason="needs Debian's package prometheus: make debian")

RULES: dict[str, Any] = yaml.safe_load((MONITORING / "rules.yaml").read_text())
EXPRESSIONS = [rule["expr"] for group in RULES["groups"] for rule in group["rules"]]
ALERTS = {rule["alert"]: rule for group in RULES["groups"] for rule in group["rules"] if "alert" in rule}
DASHBOARD: dict[str, Any] = json.loads((MONITORING / "dashboard.json").read_text())


@needs_promtool
def test_alerts_fire_when_they_should() -> None:
    for command in (("check", "rules", str(MONITORING / "rules.yaml")), ("test", "rules", str(TESTS))):
        result = subprocess.run([str(PROMTOOL), *command], capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stdout + result.stderr


def test_every_alert_is_tried() -> None:
    tests = yaml.safe_load(TESTS.read_text())["tests"]
    tried = {one["alertname"] for test in tests for one in test.get("alert_rule_test", []) if one["exp_alerts"]}
    assert tried == set(ALERTS)


def test_every_alert_says_what_is_wrong_and_how_bad() -> None:
    for name, alert in ALERTS.items():
        assert name.startswith("Mintmark")
        assert alert["labels"]["severity"] in ("critical", "warning", "info")
        assert set(alert["annotations"]) == {"summary", "description"}


def test_every_alert_is_explained() -> None:
    told = re.findall(r"^\| `(Mintmark\w+)` \| (\w+) \|", (ROOT / "docs" / "monitoring.md").read_text(), re.MULTILINE)
    assert told == [(name, alert["labels"]["severity"]) for name, alert in ALERTS.items()]


def test_labels_are_those_that_the_server_knows() -> None:
    text = "\n".join([*EXPRESSIONS, json.dumps(DASHBOARD).replace("\\", "")])
    assert set(re.findall(r'fault="(\w+)"', text)) <= {CLIENT, LOAD, SERVER}
    codes = {code for said in re.findall(r'code=~?"([\w|]+)"', text) for code in said.split("|")}
    assert codes <= {error.code for error in ERRORS} | {REFUSED, "OK"}
    models = {model for said in re.findall(r'model=~?"([\w|]+)"', text) for model in said.split("|")}
    assert models == {COIN_SEARCH.name, COIN_SEARCH_ALL.name, COIN_ENROLL.name}


def test_panels_do_not_lie_over_each_other() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        where = panel["gridPos"]
        assert where["x"] + where["w"] <= 24
        cells = {
            (x, y)
            for x in range(where["x"], where["x"] + where["w"])
            for y in range(where["y"], where["y"] + where["h"])
        }
        assert not cells & taken, panel["title"]
        taken |= cells
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


def test_every_query_is_for_the_servers_that_are_chosen() -> None:
    queries = [target["expr"] for panel in DASHBOARD["panels"] for target in panel.get("targets", [])]
    assert len(queries) > 20
    for query in queries:
        selectors = re.findall(r"\b(?:mintmark|nv)_\w+\{(.*?)\}", query)
        assert selectors and all('instance=~"$instance"' in one for one in selectors), query


@needs_helm
def test_the_chart_has_both_as_they_are() -> None:
    on = {"monitoring": {"prometheusRule": {"enabled": True, "labels": {"a": "b"}}, "dashboard": {"enabled": True}}}
    documents = render(merged(TOKEN, on))
    (rule,) = of_kind(documents, "PrometheusRule")
    assert rule["spec"] == RULES
    assert rule["metadata"]["labels"]["a"] == "b"
    (shown,) = of_kind(documents, "ConfigMap")
    assert json.loads(shown["data"]["mintmark.json"]) == DASHBOARD
    assert shown["metadata"]["labels"]["grafana_dashboard"] == "1"


def test_the_chart_s_copies_are_the_only_files_in_it() -> None:
    assert {path.name for path in (CHART / "files").iterdir()} == {"rules.yaml", "dashboard.json"}
