"""The Kubernetes manifests as kustomize builds them, checked against the API's schemas without a cluster."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from service.settings import Settings

REPOSITORY = Path(__file__).parents[2]
KUBERNETES = REPOSITORY / "deploy" / "kubernetes"
BIN = Path(sys.executable).parent
# Of the Prometheus operator, whose schemas are not the API's own.
CUSTOM = ("ServiceMonitor", "PrometheusRule")


def build(folder: Path) -> list[dict]:
    result = subprocess.run(
        [BIN / "kubectl", "kustomize", "--load-restrictor", "LoadRestrictionsNone", folder],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return [document for document in yaml.safe_load_all(result.stdout) if document]


def build_with(folder: Path, component: str) -> list[dict]:
    """Build the overlay cpu with a component, by a kustomization that is written into a folder."""
    paths = {"resources": KUBERNETES / "overlays" / "cpu", "components": KUBERNETES / "components" / component}
    # kustomize takes relative paths alone.
    up = Path(*[".."] * len(folder.parts[1:]))
    kustomization = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        **{field: [str(up.joinpath(*path.parts[1:]))] for field, path in paths.items()},
    }
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
    return build(folder)


@pytest.fixture(params=["cpu", "gpu", "plain", "with shared-volume", "with administrators", "with ingress"])
def documents(request, tmp_path) -> list[dict]:
    if request.param.startswith("with "):
        return build_with(tmp_path, request.param.removeprefix("with "))
    return build(KUBERNETES / "overlays" / request.param)


@pytest.fixture(params=["cpu", "gpu"])
def with_operator(request) -> list[dict]:
    return build(KUBERNETES / "overlays" / request.param)


def of_kind(documents: list[dict], kind: str, name: str = "ida-verify") -> dict:
    (found,) = [found for found in documents if (found["kind"], found["metadata"]["name"]) == (kind, name)]
    return found


def container(documents: list[dict]) -> dict:
    (found,) = of_kind(documents, "Deployment")["spec"]["template"]["spec"]["containers"]
    return found


def test_documents_follow_the_api(documents, tmp_path) -> None:
    file = tmp_path / "all.yaml"
    file.write_text(yaml.safe_dump_all([found for found in documents if found["kind"] not in CUSTOM]))
    result = subprocess.run(
        [BIN / "kubernetes-validate", "--strict", file], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_selectors_find_the_pods_and_nothing_else_is_labelled_as_they_are(documents) -> None:
    template = of_kind(documents, "Deployment")["spec"]["template"]
    labels = template["metadata"]["labels"].items()
    selectors = [
        of_kind(documents, "Deployment")["spec"]["selector"]["matchLabels"],
        of_kind(documents, "Service")["spec"]["selector"],
        of_kind(documents, "Service", "ida-verify-inside")["spec"]["selector"],
        of_kind(documents, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
        of_kind(documents, "NetworkPolicy")["spec"]["podSelector"]["matchLabels"],
    ]
    assert all(selector and selector.items() <= labels for selector in selectors)
    dns = of_kind(documents, "NetworkPolicy")["spec"]["egress"][0]["to"][0]["podSelector"]["matchLabels"]
    assert dns == {"k8s-app": "kube-dns"}


def test_pods_may_do_nothing_but_serve(documents) -> None:
    pod = of_kind(documents, "Deployment")["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["automountServiceAccountToken"] is False
    context = container(documents)["securityContext"]
    assert context["readOnlyRootFilesystem"] is True
    assert context["allowPrivilegeEscalation"] is False
    assert context["capabilities"] == {"drop": ["ALL"]}
    assert container(documents)["resources"]["limits"].keys() >= {"cpu", "memory"}


def test_probes_ask_for_what_they_mean(documents) -> None:
    found = container(documents)
    paths = {kind: found[f"{kind}Probe"]["httpGet"]["path"] for kind in ("startup", "readiness", "liveness")}
    assert paths == {"startup": "/healthz", "readiness": "/readyz", "liveness": "/healthz"}


def test_pod_is_given_the_time_to_drain_and_to_finish(documents) -> None:
    environment = {entry["name"]: entry.get("value") for entry in container(documents)["env"]}
    pod = of_kind(documents, "Deployment")["spec"]["template"]["spec"]
    assert pod["terminationGracePeriodSeconds"] >= float(environment["IDA_DRAIN_SECONDS"]) + 25
    probe = container(documents)["readinessProbe"]
    assert float(environment["IDA_DRAIN_SECONDS"]) > probe["periodSeconds"] * probe["failureThreshold"]


def test_only_settings_that_exist_are_set_and_a_store_is(documents) -> None:
    (config,) = [found for found in documents if found["kind"] == "ConfigMap"]
    names = {*config["data"], *(entry["name"] for entry in container(documents)["env"])}
    assert {name for name in names if name.startswith("IDA_")} <= {
        f"IDA_{field.upper()}" for field in Settings.model_fields
    }
    assert config["data"]["IDA_STORE"]


def test_administration_and_metrics_are_reached_from_the_inside_alone(documents) -> None:
    ports = {port["name"]: port["containerPort"] for port in container(documents)["ports"]}
    environment = {entry["name"]: entry.get("value") for entry in container(documents)["env"]}
    assert environment["IDA_ADMIN_PORT"] == str(ports["inside"])
    rules = of_kind(documents, "NetworkPolicy")["spec"]["ingress"]
    open_to_all = [port["port"] for rule in rules if "from" not in rule for port in rule["ports"]]
    assert open_to_all == ["http"]
    assert [port["targetPort"] for port in of_kind(documents, "Service")["spec"]["ports"]] == ["http"]


def test_pods_start_without_a_secret_and_the_admin_api_is_off_then() -> None:
    documents = build(KUBERNETES / "overlays" / "cpu")
    pod = of_kind(documents, "Deployment")["spec"]["template"]["spec"]
    assert not [volume for volume in pod["volumes"] if "secret" in volume]
    assert not [entry for entry in container(documents)["env"] if entry["name"].startswith("IDA_ADMIN_TOKEN")]


def test_tokens_come_by_file(tmp_path) -> None:
    documents = build_with(tmp_path, "administrators")
    pod = of_kind(documents, "Deployment")["spec"]["template"]["spec"]
    (secret,) = [volume for volume in pod["volumes"] if "secret" in volume]
    (mount,) = [mount for mount in container(documents)["volumeMounts"] if mount["name"] == secret["name"]]
    environment = {entry["name"]: entry.get("value") for entry in container(documents)["env"]}
    assert environment["IDA_ADMIN_TOKEN_FILE"].startswith(f"{mount['mountPath']}/")
    assert "IDA_ADMIN_TOKEN" not in environment


def test_autoscaler_and_adapter_speak_of_one_metric_of_the_service(with_operator) -> None:
    (metric,) = of_kind(with_operator, "HorizontalPodAutoscaler")["spec"]["metrics"]
    adapter = yaml.safe_load((KUBERNETES / "prometheus-adapter-rules.yaml").read_text("utf-8"))
    assert [rule["name"]["matches"] for rule in adapter["custom"]] == [metric["pods"]["metric"]["name"]]


def test_monitor_finds_the_inside_service_and_names_the_job_that_rules_ask_for(with_operator) -> None:
    monitor = of_kind(with_operator, "ServiceMonitor")["spec"]
    service = of_kind(with_operator, "Service", "ida-verify-inside")
    assert monitor["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert [end["port"] for end in monitor["endpoints"]] == [port["name"] for port in service["spec"]["ports"]]
    assert service["metadata"]["labels"][monitor["jobLabel"]] == "ida-verify"


def test_rules_are_those_of_prometheus(with_operator) -> None:
    rules = yaml.safe_load((REPOSITORY / "deploy/prometheus/rules/ida-verify.yml").read_text("utf-8"))
    assert of_kind(with_operator, "PrometheusRule")["spec"] == rules


def test_plain_overlay_asks_a_cluster_for_nothing_but_its_metrics_server() -> None:
    documents = build(KUBERNETES / "overlays" / "plain")
    own = {"v1", "apps/v1", "autoscaling/v2", "networking.k8s.io/v1", "policy/v1"}
    assert {found["apiVersion"] for found in documents} <= own
    metrics = of_kind(documents, "HorizontalPodAutoscaler")["spec"]["metrics"]
    assert [(metric["type"], metric["resource"]["name"]) for metric in metrics] == [("Resource", "cpu")]
    assert container(documents)["resources"]["requests"]["cpu"]


def test_ingress_leads_to_the_requests_and_to_nothing_else(tmp_path) -> None:
    documents = build_with(tmp_path, "ingress")
    (rule,) = of_kind(documents, "Ingress")["spec"]["rules"]
    (path,) = rule["http"]["paths"]
    service = of_kind(documents, "Service", path["backend"]["service"]["name"])
    (port,) = service["spec"]["ports"]
    assert (port["name"], port["targetPort"]) == (path["backend"]["service"]["port"]["name"], "http")
    assert [entry["hosts"] for entry in of_kind(documents, "Ingress")["spec"]["tls"]] == [[rule["host"]]]


def test_pods_with_a_shared_volume_may_ask_for_names_alone(tmp_path) -> None:
    (rule,) = of_kind(build_with(tmp_path, "shared-volume"), "NetworkPolicy")["spec"]["egress"]
    assert {port["port"] for port in rule["ports"]} == {53}


def test_gpu_overlay_asks_for_a_gpu_and_uses_it() -> None:
    found = container(build(KUBERNETES / "overlays" / "gpu"))
    environment = {entry["name"]: entry.get("value") for entry in found["env"]}
    assert (environment["IDA_DEVICE"], environment["IDA_ANCHOR_DEVICE"]) == ("cuda", "cuda")
    assert found["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert found["image"] == "ida-verify:gpu"
