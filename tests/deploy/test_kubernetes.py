"""What Feelm on a cluster must be, whatever else is changed in it: what the API takes, nobody root, all bounded and watched, no secret.

Nothing here ran on a cluster; what a program without one can say of the manifests is said. KubeRay's own schema is in no package: of a
RayCluster the pods are checked against Kubernetes' schema, and its own fields against the names of its API.
"""

import os
import re
import signal
import sys
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import kubernetes_validate
import psutil
import pytest
import yaml
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.conftest import REPOSITORY
from tests.loopback import free_port

KUBERNETES = REPOSITORY / "deploy" / "kubernetes"
OLDEST = "1.29"
"""The version of Kubernetes that the manifests are checked against; the API of what they use has not changed since."""

Manifest = dict[str, Any]
EXAMPLES = ("secrets.example.yaml", "restore.example.yaml")


def read(path: Path) -> list[Manifest]:
    return [document for document in yaml.safe_load_all(path.read_text()) if document]


CUSTOMISED: Manifest = read(KUBERNETES / "kustomization.yaml")[0]
FILES = {path.name: read(path) for path in sorted(KUBERNETES.glob("*.yaml")) if path.name != "kustomization.yaml"}
MANIFESTS = {f"{one['kind']} {one['metadata']['name']}": one for documents in FILES.values() for one in documents}


def pods() -> Iterator[tuple[str, Manifest]]:
    """Each pod template with the name of what makes it."""
    for name, one in MANIFESTS.items():
        spec = one.get("spec", {})
        if one["kind"] == "CronJob":
            yield name, spec["jobTemplate"]["spec"]["template"]
        elif one["kind"] == "RayCluster":
            yield f"{name} head", spec["headGroupSpec"]["template"]
            yield from ((f"{name} {group['groupName']}", group["template"]) for group in spec["workerGroupSpecs"])
        elif "template" in spec:
            yield name, spec["template"]


PODS = dict(pods())
SERVERS = [name for name in PODS if not name.startswith(("Job", "CronJob"))]
CONTAINERS = {
    f"{name}: {container['name']}": (pod["spec"], container)
    for name, pod in PODS.items()
    for container in (*pod["spec"].get("initContainers", ()), *pod["spec"]["containers"])
}


@pytest.fixture(params=sorted(PODS))
def pod(request: pytest.FixtureRequest) -> Manifest:
    return PODS[request.param]


@pytest.fixture(params=sorted(CONTAINERS))
def container(request: pytest.FixtureRequest) -> Manifest:
    return CONTAINERS[request.param][1]


@pytest.mark.parametrize("name", sorted(name for name in MANIFESTS if not name.startswith("RayCluster")))
def test_the_api_takes_it(name: str) -> None:
    kubernetes_validate.validate(MANIFESTS[name], OLDEST, strict=True)


def test_the_api_takes_the_pods_of_the_ray_cluster() -> None:
    for name, pod in PODS.items():
        template = {"apiVersion": "v1", "kind": "PodTemplate", "metadata": {"name": "ray"}, "template": pod}
        kubernetes_validate.validate(template, OLDEST, strict=True)
        assert pod["spec"]["containers"], name


def test_a_manifest_with_an_unknown_field_would_be_refused() -> None:
    wrong = {**MANIFESTS["Service code"], "spec": {**MANIFESTS["Service code"]["spec"], "selectors": {}}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, OLDEST, strict=True)


def test_the_ray_cluster_speaks_kuberays_names_and_the_projects_version_of_ray() -> None:
    cluster = MANIFESTS["RayCluster feelm-ray"]
    assert cluster["apiVersion"] == "ray.io/v1"
    assert set(cluster["spec"]) == {"rayVersion", "enableInTreeAutoscaling", "autoscalerOptions", "headGroupSpec", "workerGroupSpecs"}
    assert set(cluster["spec"]["headGroupSpec"]) == {"rayStartParams", "template"}
    for group in cluster["spec"]["workerGroupSpecs"]:
        assert set(group) == {"groupName", "replicas", "minReplicas", "maxReplicas", "rayStartParams", "template"}
        assert 1 <= group["minReplicas"] <= group["replicas"] <= group["maxReplicas"]
    extras = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["optional-dependencies"]["ray"]
    assert f"ray[default]=={cluster['spec']['rayVersion']}" in extras


def test_as_many_workers_are_asked_for_as_the_largest_cluster_has_room_for() -> None:
    (group,) = MANIFESTS["RayCluster feelm-ray"]["spec"]["workerGroupSpecs"]
    limits = group["template"]["spec"]["containers"][0]["resources"]["limits"]
    told = {one["name"]: one.get("value") for one in PODS["Deployment code"]["spec"]["containers"][0]["env"]}
    films = int(limits["cpu"]) // int(told["FEELM_RAY_CPUS"])
    assert int(told["FEELM_RAY_WORKERS"]) == group["maxReplicas"] * films
    assert films * int(told["FEELM_RAY_MEMORY_GB"]) <= int(limits["memory"].removesuffix("Gi"))
    head = MANIFESTS["RayCluster feelm-ray"]["metadata"]["name"] + "-head-svc:6379"
    assert told["RAY_ADDRESS"] == head, "KubeRay names the head's service so"


def test_the_autoscaler_is_bounded_and_locked_up_as_all_others() -> None:
    options = MANIFESTS["RayCluster feelm-ray"]["spec"]["autoscalerOptions"]
    assert locked_up(options["securityContext"]) and bounded(options["resources"])


def test_everything_is_in_the_base_but_the_examples() -> None:
    assert set(CUSTOMISED["resources"]) | set(EXAMPLES) == set(FILES)
    assert not set(CUSTOMISED["resources"]) & set(EXAMPLES)
    assert all(one["metadata"].get("namespace") == "feelm" for name in EXAMPLES for one in FILES[name])


def test_the_namespace_refuses_what_breaks_the_restricted_standard() -> None:
    labels = MANIFESTS["Namespace feelm"]["metadata"]["labels"]
    assert {labels[f"pod-security.kubernetes.io/{mode}"] for mode in ("enforce", "audit", "warn")} == {"restricted"}


def test_nobody_is_root(pod: Manifest) -> None:
    security = pod["spec"]["securityContext"]
    assert security["runAsNonRoot"] is True and security["runAsUser"] > 0 and security["runAsGroup"] > 0
    assert security["seccompProfile"] == {"type": "RuntimeDefault"}
    assert not any(pod["spec"].get(shared) for shared in ("hostNetwork", "hostPID", "hostIPC"))
    assert not any("hostPath" in volume for volume in pod["spec"].get("volumes", ()))


def locked_up(security: Manifest) -> bool:
    return security == {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}


def test_no_container_may_become_more_or_write_into_its_image(container: Manifest) -> None:
    assert locked_up(container["securityContext"])


def bounded(resources: Manifest) -> bool:
    return {"cpu", "memory"} <= set(resources["requests"]) and {"cpu", "memory"} <= set(resources["limits"])


def test_every_container_is_bounded(container: Manifest) -> None:
    assert bounded(container["resources"])


@pytest.mark.parametrize("name", SERVERS)
def test_every_server_is_watched(name: str) -> None:
    for container in PODS[name]["spec"]["containers"]:
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            assert {"exec", "httpGet", "grpc"} & set(container[probe]), f"{name}: {container['name']} has no {probe}"


def test_what_is_mounted_is_there_and_what_is_there_is_mounted() -> None:
    for name, pod in PODS.items():
        claimed = MANIFESTS[name].get("spec", {}).get("volumeClaimTemplates", []) if name in MANIFESTS else []
        volumes = {volume["name"] for volume in pod["spec"].get("volumes", ())} | {claim["metadata"]["name"] for claim in claimed}
        containers = (*pod["spec"].get("initContainers", ()), *pod["spec"]["containers"])
        assert {mount["name"] for container in containers for mount in container["volumeMounts"]} == volumes, name


def references(value: Any, kind: str) -> Iterator[Manifest]:
    """Every reference of the kind, however deep."""
    if isinstance(value, dict):
        yield from ([value[kind]] if kind in value and isinstance(value[kind], dict) else [])
        for inner in value.values():
            yield from references(inner, kind)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner, kind)


def test_secrets_come_by_reference_and_the_example_has_every_one_and_no_content() -> None:
    example = {one["metadata"]["name"]: one["stringData"] for one in FILES["secrets.example.yaml"]}
    asked = {(one["name"], one["key"]) for one in references(list(MANIFESTS.values()), "secretKeyRef")}
    assert asked == {(name, key) for name, keys in example.items() for key in keys}
    assert not any(value for keys in example.values() for value in keys.values())
    for name, (_, container) in CONTAINERS.items():
        for variable in container.get("env", ()):
            if re.search("PASSWORD|SECRET|TOKEN|ACCESS_KEY", variable["name"]):
                assert set(variable) == {"name", "valueFrom"} and "secretKeyRef" in variable["valueFrom"], name


def test_settings_claims_and_accounts_that_are_named_exist() -> None:
    everything = list(MANIFESTS.values())
    settings = MANIFESTS["ConfigMap feelm"]["data"]
    assert all(one["key"] in settings for one in references(everything, "configMapKeyRef"))
    assert {f"ConfigMap {one['name']}" for one in references(everything, "configMapRef")} <= set(MANIFESTS)
    claims = {f"PersistentVolumeClaim {one['claimName']}" for one in references(everything, "persistentVolumeClaim")}
    assert claims == {name for name in MANIFESTS if name.startswith("PersistentVolumeClaim")}
    accounts = {pod["spec"].get("serviceAccountName") for name, pod in PODS.items() if not name.endswith(" head")}
    assert accounts == {MANIFESTS["ServiceAccount feelm"]["metadata"]["name"]}


def test_only_the_head_that_runs_the_autoscaler_is_told_to_the_clusters_api() -> None:
    told = {name for name, pod in PODS.items() if pod["spec"].get("automountServiceAccountToken") is not False}
    assert told == {"RayCluster feelm-ray head"} == {name for name in PODS if labels(name).get("feelm.example/kubernetes-api")}


def labels(name: str) -> dict[str, str]:
    return dict(PODS[name]["metadata"]["labels"])


def selects(selector: Manifest, these: dict[str, str]) -> bool:
    expressions = selector.get("matchExpressions", [])
    return selector.get("matchLabels", {}).items() <= these.items() and all(these.get(one["key"]) in one["values"] for one in expressions)


def allowed(name: str, other: str, port: int) -> bool:
    """Whether one pod may open a connection to a port of another: some policy lets it out, and some lets it in."""
    policies = [one["spec"] for one in MANIFESTS.values() if one["kind"] == "NetworkPolicy"]

    def open_(one: str, direction: str, peer: str, far: str) -> bool:
        return any(
            any(selects(where.get("podSelector", {"matchLabels": {"": ""}}), labels(far)) for where in rule[peer])
            and ("ports" not in rule or port in [each["port"] for each in rule["ports"]])
            for policy in policies
            if selects(policy["podSelector"], labels(one))
            for rule in policy.get(direction, [])
        )

    return open_(name, "egress", "to", other) and open_(other, "ingress", "from", name)


def test_who_reaches_whom() -> None:
    ports = {"StatefulSet postgres": 5432, "StatefulSet object-store": 8333, "Deployment code": 4000, "Deployment webserver": 3000}
    reached = {other: {name for name in PODS if name != other and allowed(name, other, port)} for other, port in ports.items()}
    ray = {"RayCluster feelm-ray head", "RayCluster feelm-ray films"}
    servers = {f"Deployment {name}" for name in ("code", "webserver", "daemon", "mlflow", "service")}
    assert reached == {
        "StatefulSet postgres": servers | {"Job prepare", "CronJob backup", "Job restore"},
        "StatefulSet object-store": {"Deployment code"},
        "Deployment code": {"Deployment webserver", "Deployment daemon"} | ray,
        "Deployment webserver": set(),
    }
    assert {name for name in PODS if allowed(name, "RayCluster feelm-ray head", 6379)} == ray | {"Deployment code"}


def test_nothing_is_open_that_no_policy_opens() -> None:
    closed = MANIFESTS["NetworkPolicy deny-by-default"]["spec"]
    assert closed == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    outside = MANIFESTS["NetworkPolicy internet-clients"]["spec"]["egress"][0]["to"][0]["ipBlock"]
    assert {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16"} <= set(outside["except"])
    assert {name for name in PODS if labels(name).get("feelm.example/internet")} == {"Deployment code", "Deployment service"}
    assert not [
        name
        for name, one in MANIFESTS.items()
        if one["kind"] == "Ingress" or one.get("spec", {}).get("type") in ("NodePort", "LoadBalancer")
    ]


def test_each_service_leads_to_a_port_of_its_pods() -> None:
    for name, one in MANIFESTS.items():
        if one["kind"] == "Service":
            (behind,) = [pod for pod in PODS.values() if selects({"matchLabels": one["spec"]["selector"]}, pod["metadata"]["labels"])]
            there = {port["name"]: port["containerPort"] for container in behind["spec"]["containers"] for port in container["ports"]}
            assert all(there[port["targetPort"]] == port["port"] for port in one["spec"]["ports"]), name


def test_the_service_answers_on_two_machines_and_keeps_one_while_nodes_are_drained() -> None:
    budget, deployment = MANIFESTS["PodDisruptionBudget service"]["spec"], MANIFESTS["Deployment service"]["spec"]
    assert deployment["replicas"] >= 2 > budget["minAvailable"] == 1
    assert budget["selector"] == deployment["selector"]
    assert deployment["strategy"]["rollingUpdate"]["maxUnavailable"] == 0


def test_one_release_is_named_and_servers_wait_until_it_is_prepared() -> None:
    (image,) = CUSTOMISED["images"]
    assert image["name"] == "feelm" and image["newTag"] == MANIFESTS["ConfigMap feelm"]["data"]["FEELM_RELEASE"]
    assert "prepared/$FEELM_RELEASE" in MANIFESTS["Job prepare"]["spec"]["template"]["spec"]["containers"][0]["command"][-1]
    waiting = {name for name in SERVERS if PODS[name]["spec"].get("initContainers", [{}])[0].get("name") == "wait-for-prepare"}
    assert waiting == {f"Deployment {name}" for name in ("code", "webserver", "daemon", "mlflow", "service")}


def test_images_are_pinned(container: Manifest) -> None:
    assert re.fullmatch(r"feelm|registry\.example/feelm:0\.1\.0|[a-z/]+:\d[\d.]*", container["image"])


def test_what_compose_starts_is_started_by_the_same_commands() -> None:
    services = yaml.safe_load((REPOSITORY / "deploy" / "compose.yaml").read_text())["services"]
    for name in ("webserver", "daemon", "mlflow"):
        assert PODS[f"Deployment {name}"]["spec"]["containers"][0]["command"] == services[name]["command"]
    script = (KUBERNETES / "code-server.sh").read_text()
    assert services["code"]["command"][-1] in script and "dagster code-server start" in script
    (host,) = (one["grpc_server"]["host"] for one in yaml.safe_load((REPOSITORY / "deploy" / "workspace.yaml").read_text())["load_from"])
    assert f"Service {host}" in MANIFESTS


def test_postgres_makes_its_databases_by_the_script_that_compose_uses() -> None:
    script = MANIFESTS["ConfigMap create-databases"]["data"]["create-databases.sh"]
    assert script == (REPOSITORY / "deploy" / "create-databases.sh").read_text()


@pytest.mark.slow
def test_the_code_server_ends_when_its_container_is_asked_to(tmp_path: Path) -> None:
    port = free_port()
    told = {"FEELM_COMPUTE": "local", "FEELM_CODE_HOST": "127.0.0.1", "FEELM_CODE_PORT": str(port), "PYTHONPATH": str(REPOSITORY)}
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    script = psutil.Popen(
        ["bash", str(KUBERNETES / "code-server.sh")],
        cwd=tmp_path,
        env={**os.environ, **told, "PATH": path},
        preexec_fn=lambda: [signal.signal(number, signal.SIG_DFL) for number in (signal.SIGINT, signal.SIGTERM)],
    )
    try:
        deadline = time.monotonic() + 120
        while not serving(port):
            assert time.monotonic() < deadline, "no code server"
            time.sleep(0.5)
        children = script.children(recursive=True)
        script.terminate()
        assert script.wait(60) == 128 + signal.SIGTERM
        assert not [child for child in psutil.wait_procs(children, 60)[1] if child.status() != psutil.STATUS_ZOMBIE]
    finally:
        for process in (*script.children(recursive=True), script) if script.is_running() else ():
            process.kill()


def serving(port: int) -> bool:
    """What the probe of the pod asks."""
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        asked = health_pb2.HealthCheckRequest(service=PODS["Deployment code"]["spec"]["containers"][0]["startupProbe"]["grpc"]["service"])
        try:
            return bool(health_pb2_grpc.HealthStub(channel).Check(asked, timeout=10).status == health_pb2.HealthCheckResponse.SERVING)
        except grpc.RpcError:
            return False
