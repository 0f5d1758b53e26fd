"""The Helm chart passes helm's linter and Kubernetes' schemas, and makes what a reader of docs/deployment.md expects.

There is no cluster here: no pod of it was ever started, no policy enforced, and no autoscaler asked. What operators
bring, such as ScaledObject, has no schema here.
"""

import json
import re
from dataclasses import fields
from typing import Any

import pytest
import yaml

import mintmark
import web.__main__ as web
from deploy.settings import CACHE, CATALOG, SOCKETS
from ensemble import variables
from ensemble.contract import COIN_ENROLL, COIN_SEARCH, COIN_SEARCH_ALL
from ensemble.limits import Limits
from server.gates import _END_TIMEOUT
from server.launch import STOP_TIMEOUT, Ports
from server.triton import START_TIMEOUT
from tests.build_scripts.conftest import load_script
from tests.deploy.charts import (
    CASES,
    CHART,
    GATEWAY,
    KEDA,
    MILVUS,
    NAME,
    NAMESPACE,
    SERVICE_MONITOR,
    TLS,
    TOKEN,
    Values,
    helm,
    merged,
    needs_helm,
    of_kind,
    pods,
    refusal,
    render,
    server,
)
from tests.deploy.conftest import ROOT

OLDEST, NEWEST = "1.29", "1.37"  # versions of Kubernetes
FOREIGN = ("ScaledObject", "ServiceMonitor", "PrometheusRule")  # kinds that operators bring, without a schema here
UID = 10001


def variables_of(container: dict[str, Any]) -> dict[str, str]:
    return {one["name"]: one["value"] for one in container["env"]}


def volumes(pod: dict[str, Any]) -> dict[str, Any]:
    return {one["name"]: one for one in pod["volumes"]}


# --- it is well formed ----------------------------------------------------------------------------------------------


@needs_helm
@pytest.mark.parametrize("case", CASES)
def test_lint(case: str) -> None:
    result = helm("lint", "--strict", str(CHART), values=CASES[case])
    assert result.returncode == 0, result.stdout + result.stderr
    assert "[WARNING]" not in result.stdout + result.stderr


@needs_helm
@pytest.mark.parametrize("case", CASES)
def test_kubernetes_takes_it(case: str) -> None:
    validate = pytest.importorskip("kubernetes_validate", reason="needs kubernetes-validate, requirements/test.txt")
    documents = [one for one in render(CASES[case]) if one["kind"] not in FOREIGN]
    assert documents
    for version in (OLDEST, NEWEST):
        for document in documents:
            validate.validate(document, version, strict=True)


@needs_helm
def test_the_chart_asks_for_the_oldest_version_that_is_tested() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert chart["kubeVersion"] == f">={OLDEST}.0-0"


def test_the_chart_installs_the_release() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert chart["appVersion"] == mintmark.__version__.partition(".dev")[0]


def test_the_readme_is_current() -> None:
    made = load_script("make_chart").generated()
    stale = [path.name for path, text in made.items() if path.read_text() != text]
    assert stale == [], "run: python build/make_chart.py"


# --- values ---------------------------------------------------------------------------------------------------------


@needs_helm
def test_the_gateway_speaks_tls_to_a_server_that_does() -> None:
    (container,) = pods(render(CASES["gateway tls"]))[f"{NAME}-gateway"]["containers"]
    options = web.parse(container["args"])
    files = [options.server_tls_ca, options.server_tls_cert, options.server_tls_key]
    mounted = {mount["mountPath"] for mount in container["volumeMounts"]}
    assert [str(file) for file in files if str(file.parent) not in mounted] == []
    assert options.url == f"{NAME}:8001", "the service's name, which the certificate has"
    (plain,) = pods(render(CASES["gateway"]))[f"{NAME}-gateway"]["containers"]
    assert not web.parse(plain["args"]).server_tls


@needs_helm
@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "tokens.change.secret is missing"),
        (merged(TOKEN, {"target": "tpu"}), "'/target': value must be one of 'cpu', 'gpu'"),
        (merged(TOKEN, {"replica": 3}), "additional properties 'replica' not allowed"),
        (merged(TOKEN, {"tokens": {"read": {"value": "geheim"}}}), "additional properties 'value' not allowed"),
        (merged(TOKEN, {"limits": {"photo": 1}}), "'/limits': additional properties 'photo' not allowed"),
        (merged(TOKEN, {"replicas": 0}), "'/replicas': minimum: got 0, want 1"),
        (merged(TOKEN, {"replicas": 2}), "a catalog in a folder has one server"),
        (merged(TOKEN, {"autoscaling": {"kind": "hpa"}}), "a catalog in a folder has one server"),
        (merged(TOKEN, {"catalog": {"milvus": {"location": "milvus://root:pw@host/coins"}}}), "does not match pattern"),
        (merged(TOKEN, MILVUS, {"autoscaling": {"kind": "keda"}}), "needs autoscaling.prometheus"),
        (merged(TOKEN, MILVUS, KEDA, {"autoscaling": {"minReplicas": 5}}), "minReplicas is above"),
        (merged(TOKEN, MILVUS, {"replicas": 2, "cache": {"kind": "claim"}}), "cache.accessMode=ReadWriteMany"),
        (merged(TOKEN, {"tls": {"clientAuthority": "clients"}}), "tls.clientAuthority needs tls.secret"),
        (merged(TOKEN, TLS, GATEWAY, {"gateway": {"kind": "sidecar"}}), "with tls.secret, set gateway.kind=deployment"),
        (merged(TOKEN, TLS, GATEWAY, {"tls": {"clientAuthority": "clients"}}), "set tls.gatewaySecret"),
        (merged(TOKEN, {"gateway": {"ingress": {"enabled": True}}}), "gateway.ingress needs gateway.enabled"),
        (merged(TOKEN, GATEWAY, {"gateway": {"ingress": {"enabled": True}}}), "gateway.ingress needs a host"),
        (
            merged(TOKEN, GATEWAY, {"gateway": {"ingress": {"enabled": True, "host": "a.example", "tlsSecret": "a"}}}),
            "set gateway.proxies",
        ),
    ],
)
def test_wrong_values_are_refused_with_what_is_wrong(values: Values, message: str) -> None:
    said = refusal(values)
    assert message in said
    assert len(said.splitlines()) < 10


def test_the_schema_is_strict_everywhere() -> None:
    """Every object either names its properties and takes no others, or says what all of its values are."""
    free = {"tolerations", "affinity", "global"}  # Kubernetes' and Helm's own

    def check(schema: dict[str, Any], path: str) -> None:
        if schema.get("type") == "object" and path not in free:
            assert "additionalProperties" in schema, path
        for name, one in {**schema.get("properties", {}), **schema.get("$defs", {})}.items():
            check(one, name)

    check(json.loads((CHART / "values.schema.json").read_text()), "values")


def test_limits_are_those_of_the_server() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    assert set(schema["properties"]["limits"]["properties"]) == {one.name for one in fields(Limits)}


@needs_helm
@pytest.mark.parametrize("case", CASES)
def test_only_variables_that_the_server_knows(case: str) -> None:
    known = {value for name, value in vars(variables).items() if name.isupper() and isinstance(value, str)}
    known |= {secret + variables.FILE for secret in variables.SECRETS}
    container = server(render(CASES[case]))
    assert {variables.TARGET, variables.TOKEN + variables.FILE} <= set(variables_of(container)) <= known


@needs_helm
def test_values_reach_the_server_as_it_reads_them() -> None:
    given = variables_of(server(render(CASES["on"])))
    assert given[variables.CATALOG] == "milvus://milvus.data:19530/coins"
    assert given[variables.CUDA_POOL_MIB] == "2048"
    assert given[variables.MOST_CANDIDATES] == "20000"
    limits = Limits.of(given)
    assert (limits.photo_bytes, limits.scans) == (8_000_000, 20)


# --- secrets --------------------------------------------------------------------------------------------------------


@needs_helm
@pytest.mark.parametrize("case", CASES)
def test_secrets_are_files_of_existing_secrets(case: str) -> None:
    """The chart makes none, and no container has one in a variable."""
    documents = render(CASES[case])
    assert not of_kind(documents, "Secret")
    for pod in pods(documents).values():
        for container in pod["containers"]:
            assert not {one["name"] for one in container.get("env", [])} & set(variables.SECRETS)
            assert all("valueFrom" not in one for one in container.get("env", []))
    container, pod = server(documents), pods(documents)[NAME]
    folder = next(one["mountPath"] for one in container["volumeMounts"] if one["name"] == "secrets")
    sources = volumes(pod)["secrets"]["projected"]["sources"]
    mounted = {f"{folder}/{item['path']}" for one in sources for item in one["secret"]["items"]}
    named = {value for name, value in variables_of(container).items() if name.endswith(variables.FILE)}
    assert mounted == named


@needs_helm
def test_every_token_is_its_own_key() -> None:
    sources = volumes(pods(render(CASES["tokens"]))[NAME])["secrets"]["projected"]["sources"]
    found = {item["path"]: (one["secret"]["name"], item["key"]) for one in sources for item in one["secret"]["items"]}
    assert found == {
        "token": ("coins-tokens", "change"),
        "tokens": ("coins-people", "tokens"),
        "read_token": ("coins-tokens", "read"),
        "priority_token": ("coins-tokens", "priority"),
        "milvus_token": ("milvus", "token"),
    }


@needs_helm
@pytest.mark.parametrize("case", CASES)
def test_nobody_has_the_operator_s_key(case: str) -> None:
    """So Triton's own endpoints are closed to everyone, and HTTP is off."""
    given = variables_of(server(render(CASES[case])))
    assert not [name for name in given if name.startswith((variables.ADMIN_KEY, variables.HTTP))]


@needs_helm
def test_mutual_tls() -> None:
    given = variables_of(server(render(CASES["mtls"])))
    files = (variables.TLS_CERT_FILE, variables.TLS_KEY_FILE, variables.TLS_CLIENT_CA_FILE)
    assert [given[name].rpartition("/")[2] for name in files] == ["tls_cert", "tls_key", "tls_client_ca"]
    assert variables.TLS_CLIENT_CA_FILE not in variables_of(server(render(CASES["tls"])))


# --- pods -----------------------------------------------------------------------------------------------------------


@needs_helm
@pytest.mark.parametrize("case", CASES)
def test_pods_are_closed(case: str) -> None:
    found = pods(render(CASES[case]))
    for pod in found.values():
        context = pod["securityContext"]
        assert (context["runAsNonRoot"], context["runAsUser"], context["fsGroup"]) == (True, UID, UID)
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False
        assert pod["enableServiceLinks"] is False  # Kubernetes would set MINTMARK_PORT and others
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)
        for container in pod["containers"]:
            gateway = {"runAsUser": 10002, "runAsGroup": 10002} if container["name"] == "gateway" else {}
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
                **gateway,
            }
            assert container["resources"]["limits"]["memory"]
        assert all("hostPath" not in one for one in pod["volumes"])


@needs_helm
@pytest.mark.parametrize("case", CASES)
def test_what_the_server_writes_lies_on_volumes_with_a_limit(case: str) -> None:
    documents = render(CASES[case])
    pod, container = pods(documents)[NAME], server(documents)
    found = volumes(pod)
    mounts = {one["mountPath"]: found[one["name"]] for one in container["volumeMounts"]}
    for path in ("/tmp", "/dev/shm", "/opt/mintmark/run"):
        assert mounts[path]["emptyDir"]["medium"] == "Memory"
        assert mounts[path]["emptyDir"]["sizeLimit"]
    written = [CACHE, SOCKETS, *([] if "milvus" in variables_of(container).get(variables.CATALOG, "") else [CATALOG])]
    for folder in written:
        assert any(folder == path or folder.startswith(f"{path}/") for path in mounts), folder
    assert len(found) == len({one["name"] for one in pod["volumes"]})


@needs_helm
def test_a_catalog_in_a_folder_is_written_by_one_server_and_outlives_it() -> None:
    documents = render(CASES["cpu"])
    (deployment,) = of_kind(documents, "Deployment")
    assert (deployment["spec"]["replicas"], deployment["spec"]["strategy"]) == (1, {"type": "Recreate"})
    (claim,) = of_kind(documents, "PersistentVolumeClaim")
    assert claim["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
    assert volumes(pods(documents)[NAME])["catalog"]["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]


@needs_helm
def test_a_catalog_in_milvus_has_several_servers_that_are_replaced_one_by_one() -> None:
    documents = render(CASES["milvus"])
    (deployment,) = of_kind(documents, "Deployment")
    assert deployment["spec"]["replicas"] == 3
    assert deployment["spec"]["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    assert not of_kind(documents, "PersistentVolumeClaim")
    spread = deployment["spec"]["template"]["spec"]["topologySpreadConstraints"]
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert [one["topologyKey"] for one in spread] == ["kubernetes.io/hostname", "topology.kubernetes.io/zone"]
    assert all(one["labelSelector"]["matchLabels"].items() <= labels.items() for one in spread)


@needs_helm
@pytest.mark.parametrize(
    ("case", "resource"), [("gpu", "nvidia.com/gpu"), ("mig", "nvidia.com/mig-1g.10gb"), ("cpu", "")]
)
def test_one_device_for_one_server(case: str, resource: str) -> None:
    container = server(render(CASES[case]))
    devices = {name: count for name, count in container["resources"]["limits"].items() if "/" in name}
    assert devices == ({resource: 1} if resource else {})
    assert container["image"] == f"mintmark:{'gpu' if resource else 'cpu'}"
    assert variables_of(container)[variables.TARGET] == ("gpu" if resource else "cpu")


@needs_helm
@pytest.mark.parametrize("case", CASES)
def test_probes_mean_what_they_say(case: str) -> None:
    """A start takes as long as it takes; a search decides whether a server gets work; a lost store kills nobody."""
    container = server(render(CASES[case]))
    startup, ready, live = (container[f"{name}Probe"] for name in ("startup", "readiness", "liveness"))
    assert startup["exec"]["command"] == live["exec"]["command"] == ["python3", "-m", "deploy.healthcheck", "--live"]
    assert ready["exec"]["command"] == ["python3", "-m", "deploy.healthcheck"]
    assert startup["periodSeconds"] * startup["failureThreshold"] == 1800 > START_TIMEOUT
    assert live["periodSeconds"] * live["failureThreshold"] >= 60
    assert ready["timeoutSeconds"] > 3 * 4


@needs_helm
@pytest.mark.parametrize("case", CASES)
def test_a_pod_drains_before_it_is_killed(case: str) -> None:
    """Balancers learn that it goes; then requests in flight have their time, as server/triton.py gives it."""
    documents = render(CASES[case])
    pod, container = pods(documents)[NAME], server(documents)
    command = container["lifecycle"]["preStop"]["exec"]["command"]
    assert command[0] == "sleep"
    of_the_server = STOP_TIMEOUT + 10 + _END_TIMEOUT
    assert pod["terminationGracePeriodSeconds"] > int(command[1]) + of_the_server


@needs_helm
def test_what_a_cluster_decides_is_handed_on() -> None:
    documents = render(CASES["on"])
    pod = pods(documents)[NAME]
    assert (pod["priorityClassName"], pod["runtimeClassName"]) == ("high", "nvidia")
    assert pod["nodeSelector"] == {"gpu": "yes"}
    assert pod["tolerations"][0]["key"] == "nvidia.com/gpu"
    template = of_kind(documents, "Deployment", NAME)[0]["spec"]["template"]["metadata"]
    assert template["annotations"] == {"a.example/note": "yes"}
    assert template["labels"]["team"] == "numismatics"


# --- what reaches what ----------------------------------------------------------------------------------------------


@needs_helm
@pytest.mark.parametrize("case", CASES)
def test_services_and_budgets_select_pods_of_the_release(case: str) -> None:
    documents = render(CASES[case])
    templates = [one["spec"]["template"] for one in of_kind(documents, "Deployment")]
    for kind in ("Service", "PodDisruptionBudget", "NetworkPolicy"):
        for one in of_kind(documents, kind):
            spec = one["spec"]
            selector = spec.get("podSelector", spec.get("selector", {}))
            wanted = selector.get("matchLabels", selector)
            chosen = [each for each in templates if wanted.items() <= each["metadata"]["labels"].items()]
            assert len(chosen) == 1, one["metadata"]["name"]
            if kind == "Service":
                ports = {port["name"] for each in chosen[0]["spec"]["containers"] for port in each["ports"]}
                assert {port["targetPort"] for port in spec["ports"]} <= ports


@needs_helm
def test_a_budget_never_holds_up_the_drain_of_a_single_server() -> None:
    (budget,) = of_kind(render(CASES["cpu"]), "PodDisruptionBudget")
    assert budget["spec"]["maxUnavailable"] == 1
    assert budget["spec"]["unhealthyPodEvictionPolicy"] == "AlwaysAllow"


def let_in(policy: dict[str, Any]) -> dict[str, list[Any]]:
    """Who a policy lets in, by port; an empty list is everybody."""
    return {port["port"]: rule.get("from", []) for rule in policy["spec"]["ingress"] for port in rule["ports"]}


@needs_helm
def test_only_the_monitoring_reaches_a_server_that_nobody_was_let_to() -> None:
    (policy,) = of_kind(render(CASES["cpu"]), "NetworkPolicy")
    monitoring = [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}]
    assert let_in(policy) == {"metrics": monitoring}
    assert policy["spec"]["policyTypes"] == ["Ingress", "Egress"]
    assert policy["spec"]["egress"] == []


@needs_helm
def test_grpc_is_reached_from_the_gateway_and_named_namespaces() -> None:
    documents = render(CASES["on"])
    (policy,) = of_kind(documents, "NetworkPolicy", NAME)
    sources = let_in(policy)["grpc"]
    gateway = of_kind(documents, "Deployment", f"{NAME}-gateway")[0]["spec"]["template"]["metadata"]["labels"]
    assert sources[0]["podSelector"]["matchLabels"].items() <= gateway.items()
    assert sources[1:] == [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "catalogers"}}}]
    assert set(let_in(policy)) == {"grpc", "metrics"}
    assert {port["port"] for rule in policy["spec"]["egress"] for port in rule["ports"]} == {53, 19530, 4318}


@needs_helm
def test_the_port_of_milvus_may_be_left_out() -> None:
    values = merged(TOKEN, {"catalog": {"milvus": {"location": "milvus+tls://milvus.data/coins"}}})
    (policy,) = of_kind(render(values), "NetworkPolicy")
    assert policy["spec"]["egress"][-1]["ports"] == [{"port": 19530, "protocol": "TCP"}]


@needs_helm
@pytest.mark.parametrize(
    ("address", "port"),
    [("http://collector:4318", 4318), ("https://collector.example", 443), ("http://collector", 80)],
)
def test_traces_leave_for_the_collector_alone(address: str, port: int) -> None:
    documents = render(merged(TOKEN, GATEWAY, {"log": {"traces": address}}))
    for policy in of_kind(documents, "NetworkPolicy"):
        assert {"ports": [{"port": port, "protocol": "TCP"}]} in policy["spec"]["egress"]
    (gateway,) = pods(documents)[f"{NAME}-gateway"]["containers"]
    assert f"--traces={address}" in gateway["args"]


@needs_helm
def test_the_gateway_asks_the_server_and_knows_its_names() -> None:
    documents = render(CASES["gateway"])
    (container,) = pods(documents)[f"{NAME}-gateway"]["containers"]
    assert (container["image"], container["command"]) == ("mintmark:web", ["python3", "-m", "web"])
    assert f"--url={NAME}:{Ports.grpc}" in container["args"]
    assert "--name=coins.example" in container["args"]
    probe = container["readinessProbe"]["httpGet"]
    assert (probe["path"], probe["httpHeaders"]) == ("/api/health", [{"name": "Host", "value": "localhost"}])
    service = of_kind(documents, "Service", f"{NAME}-gateway")[0]["spec"]
    assert service["sessionAffinity"] == "ClientIP"


@needs_helm
def test_the_gateway_s_command_line_is_one_that_it_takes() -> None:
    from web.__main__ import parse

    for case in ("gateway", "sidecar", "on"):
        documents = render(CASES[case])
        containers = [one for pod in pods(documents).values() for one in pod["containers"] if one["name"] == "gateway"]
        options = parse(containers[0]["args"])
        assert options.host == "0.0.0.0" and options.port == containers[0]["ports"][0]["containerPort"]
        assert (options.tls_cert is not None) == (case == "on")
        assert bool(options.proxy) == (case == "on")


@needs_helm
def test_a_gateway_beside_each_server_asks_its_own() -> None:
    documents = render(CASES["sidecar"])
    assert set(pods(documents)) == {NAME}
    gateway = pods(documents)[NAME]["containers"][1]
    assert f"--url=127.0.0.1:{Ports.grpc}" in gateway["args"]
    (policy,) = of_kind(documents, "NetworkPolicy")
    assert let_in(policy)["web"] == []
    assert "grpc" not in let_in(policy)


@needs_helm
def test_the_ingress_leads_to_the_gateway_by_a_name_that_it_knows() -> None:
    documents = render(CASES["on"])
    (ingress,) = of_kind(documents, "Ingress")
    rule = ingress["spec"]["rules"][0]
    assert rule["http"]["paths"][0]["backend"]["service"] == {"name": f"{NAME}-gateway", "port": {"name": "web"}}
    assert f"--name={rule['host']}" in pods(documents)[f"{NAME}-gateway"]["containers"][0]["args"]
    assert ingress["spec"]["tls"] == [{"hosts": ["coins.example"], "secretName": "coins-web"}]


# --- scaling and monitoring -----------------------------------------------------------------------------------------


@needs_helm
@pytest.mark.parametrize("case", ["keda", "hpa"])
def test_an_autoscaler_decides_alone_how_many_servers_there_are(case: str) -> None:
    documents = render(CASES[case])
    assert "replicas" not in of_kind(documents, "Deployment")[0]["spec"]
    (scaler,) = of_kind(documents, "ScaledObject" if case == "keda" else "HorizontalPodAutoscaler")
    assert scaler["spec"]["scaleTargetRef"]["name"] == NAME
    limits = {value for name, value in scaler["spec"].items() if name.startswith(("min", "max"))}
    assert limits == {1, 4}


@needs_helm
def test_keda_scales_by_the_queue_time_of_the_release() -> None:
    (scaler,) = of_kind(render(CASES["keda"]), "ScaledObject")
    (trigger,) = scaler["spec"]["triggers"]
    assert trigger["metricType"] == "Value"
    query = trigger["metadata"]["query"]
    (pods_, again) = re.findall(rf'namespace="{NAMESPACE}", pod=~"(.+?)"', query)
    assert pods_ == again and re.fullmatch(pods_, f"{NAME}-6d4cf56db6-x7k2p")
    assert not re.fullmatch(pods_, f"{NAME}-test-6d4cf56db6-x7k2p"), "another release"
    assert float(trigger["metadata"]["threshold"]) == 0.25
    assert set(re.findall(r"coin_\w+", query)) == {COIN_SEARCH.name, COIN_SEARCH_ALL.name, COIN_ENROLL.name}


@needs_helm
def test_the_hpa_asks_for_the_metric_that_the_adapter_makes() -> None:
    (scaler,) = of_kind(render(CASES["hpa"]), "HorizontalPodAutoscaler")
    adapter = yaml.safe_load((ROOT / "deploy" / "monitoring" / "prometheus_adapter.yaml").read_text())
    (rule,) = adapter["rules"]["custom"]
    (metric,) = scaler["spec"]["metrics"]
    assert metric["pods"]["metric"]["name"] == rule["name"]["as"]
    assert metric["pods"]["target"] == {"type": "AverageValue", "averageValue": "250m"}
    assert set(re.findall(r"coin_\w+", rule["metricsQuery"])) == {
        COIN_SEARCH.name,
        COIN_SEARCH_ALL.name,
        COIN_ENROLL.name,
    }


@needs_helm
def test_prometheus_finds_the_metrics_of_every_server() -> None:
    documents = render(merged(TOKEN, SERVICE_MONITOR))
    (monitor,) = of_kind(documents, "ServiceMonitor")
    wanted = monitor["spec"]["selector"]["matchLabels"].items()
    (service,) = [one for one in of_kind(documents, "Service") if wanted <= one["metadata"]["labels"].items()]
    ports = {port["name"]: port["port"] for port in service["spec"]["ports"]}
    assert ports[monitor["spec"]["endpoints"][0]["port"]] == Ports.metrics
    assert monitor["metadata"]["labels"]["release"] == "prometheus"
