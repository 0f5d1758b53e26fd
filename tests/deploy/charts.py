"""Renders the Helm chart, for the tests. There is no cluster here: nothing that a chart makes was ever started."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.conftest import ROOT

CHART = ROOT / "deploy" / "chart"
HELM = shutil.which("helm", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]))
needs_helm = pytest.mark.skipif(HELM is None, reason="needs helm: python build/get_helm.py")
NAME, NAMESPACE = "coins-mintmark", "museum"

Values = dict[str, Any]

TOKEN: Values = {"tokens": {"change": {"secret": "coins-tokens"}}}
MILVUS: Values = {"catalog": {"milvus": {"location": "milvus://milvus.data:19530/coins", "secret": "milvus"}}}
GATEWAY: Values = {"gateway": {"enabled": True, "names": ["coins.example"]}}
SERVICE_MONITOR: Values = {"monitoring": {"serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}}}}


def merged(*parts: Values) -> Values:
    """Values together, the later ones above the earlier."""
    together: Values = {}
    for part in parts:
        for name, value in part.items():
            both = isinstance(value, dict) and isinstance(together.get(name), dict)
            together[name] = merged(together[name], value) if both else value
    return together


KEDA: Values = {"autoscaling": {"kind": "keda", "prometheus": "http://prometheus.monitoring:9090"}}
SECRETS: Values = {
    "tokens": {
        "change": {"secret": "coins-tokens", "key": "change"},
        "named": {"secret": "coins-people"},
        "read": {"secret": "coins-tokens", "key": "read"},
        "priority": {"secret": "coins-tokens", "key": "priority"},
    }
}
TLS: Values = {"tls": {"secret": "coins-tls"}}
OFF: Values = {
    "networkPolicy": {"enabled": False},
    "podDisruptionBudget": {"enabled": False},
    "topologySpread": [],
    "serviceAccount": {"name": "default"},
    "drainSeconds": 0,
}
ON: Values = merged(
    SECRETS,
    MILVUS,
    KEDA,
    GATEWAY,
    SERVICE_MONITOR,
    {
        "target": "gpu",
        "gpu": {"resource": "nvidia.com/mig-2g.20gb", "cudaPoolMiB": 2048},
        "rollout": {"maxUnavailable": 1, "maxSurge": 0},
        "image": {"repository": "registry.example/mintmark", "tag": "0.1.0-gpu", "pullSecrets": ["registry"]},
        "catalog": {"index": "HNSW:M=16,efConstruction=200", "candidates": 500, "mostCandidates": 20000},
        "cache": {"kind": "claim", "accessMode": "ReadWriteMany", "storageClass": "shared"},
        "log": {"format": "json", "traces": "http://collector.monitoring:4318"},
        "limits": {"photo_bytes": 8000000, "scans": 20},
        "service": {"type": "LoadBalancer", "annotations": {"a.example/internal": "true"}},
        "gateway": {
            "replicas": 2,
            "tlsSecret": "coins-web",
            "proxies": ["10.0.0.0/8"],
            "service": {"type": "LoadBalancer", "port": 443},
            "ingress": {"enabled": True, "className": "nginx", "host": "coins.example", "tlsSecret": "coins-web"},
        },
        "networkPolicy": {"clientNamespaces": ["catalogers"]},
        "podAnnotations": {"a.example/note": "yes"},
        "podLabels": {"team": "numismatics"},
        "priorityClassName": "high",
        "runtimeClassName": "nvidia",
        "nodeSelector": {"gpu": "yes"},
        "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}],
        "affinity": {"nodeAffinity": {}},
    },
)

# What people install, by its name in the tests.
CASES: dict[str, Values] = {
    "cpu": TOKEN,
    "gpu": merged(TOKEN, {"target": "gpu"}),
    "mig": merged(TOKEN, {"target": "gpu", "gpu": {"resource": "nvidia.com/mig-1g.10gb", "cudaPoolMiB": 1024}}),
    "milvus": merged(TOKEN, MILVUS, {"replicas": 3}),
    "tls": merged(TOKEN, TLS),
    "mtls": merged(TOKEN, TLS, {"tls": {"clientAuthority": "coins-clients"}}),
    "tokens": merged(SECRETS, MILVUS),
    "gateway": merged(TOKEN, GATEWAY),
    "gateway tls": merged(
        *(TOKEN, TLS, GATEWAY),
        {"tls": {"authority": "coins-authority", "clientAuthority": "coins-clients", "gatewaySecret": "coins-gateway"}},
    ),
    "sidecar": merged(TOKEN, MILVUS, GATEWAY, {"replicas": 2, "gateway": {"kind": "sidecar"}}),
    "keda": merged(TOKEN, MILVUS, KEDA),
    "hpa": merged(TOKEN, MILVUS, {"autoscaling": {"kind": "hpa"}}),
    "off": merged(TOKEN, OFF),
    "on": ON,
}


def helm(*arguments: str, values: Values | None = None) -> "subprocess.CompletedProcess[str]":
    """Run helm with values."""
    command = [str(HELM), *arguments, *([] if values is None else ["--values", "-"])]
    return subprocess.run(command, input=yaml.safe_dump(values), capture_output=True, text=True, check=False)


def render(values: Values) -> list[dict[str, Any]]:
    """What the chart makes with values."""
    result = helm("template", "coins", str(CHART), "--namespace", NAMESPACE, values=values)
    assert result.returncode == 0, result.stderr
    return [document for document in yaml.safe_load_all(result.stdout) if document]


def refusal(values: Values) -> str:
    """What helm says of values that it refuses."""
    result = helm("template", "coins", str(CHART), "--namespace", NAMESPACE, values=values)
    assert result.returncode != 0, "the values were taken"
    return result.stderr


def of_kind(documents: list[dict[str, Any]], kind: str, name: str = "") -> list[dict[str, Any]]:
    """Those of a kind, and of a name where one is given."""
    return [one for one in documents if one["kind"] == kind and name in ("", one["metadata"]["name"])]


def pods(documents: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The pods' specifications, by the name of their deployment."""
    return {one["metadata"]["name"]: one["spec"]["template"]["spec"] for one in of_kind(documents, "Deployment")}


def server(documents: list[dict[str, Any]]) -> dict[str, Any]:
    """The server's container."""
    return dict(pods(documents)[NAME]["containers"][0])
