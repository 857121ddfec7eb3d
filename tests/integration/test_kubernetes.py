"""The Kubernetes manifests as kustomize builds them, checked against the API's schemas without a cluster."""

import functools
import ipaddress
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml

from service.settings import Settings

REPOSITORY = Path(__file__).parents[2]
KUBERNETES = REPOSITORY / "deploy" / "kubernetes"
BIN = Path(sys.executable).parent
# Of the Prometheus operator and of KEDA, whose schemas are not the API's own.
CUSTOM = ("ServiceMonitor", "PrometheusRule", "ScaledObject")


@functools.cache
def build(folder: Path) -> list[dict]:
    result = subprocess.run(
        [BIN / "kubectl", "kustomize", "--load-restrictor", "LoadRestrictionsNone", folder],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return [document for document in yaml.safe_load_all(result.stdout) if document]


@functools.cache
def build_with(*components: str) -> list[dict]:
    """Build the overlay cpu with components, by a kustomization that is written into a folder."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        # kustomize takes relative paths alone.
        up = Path(*[".."] * len(folder.parts[1:]))
        kustomization = {
            "apiVersion": "kustomize.config.k8s.io/v1beta1",
            "kind": "Kustomization",
            "resources": [str(up.joinpath(*(KUBERNETES / "overlays" / "cpu").parts[1:]))],
            "components": [str(up.joinpath(*(KUBERNETES / "components" / found).parts[1:])) for found in components],
        }
        (folder / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
        return build(folder)


COMPONENTS = sorted(folder.name for folder in (KUBERNETES / "components").iterdir())


@pytest.fixture(params=["cpu", "gpu", "plain", *(f"with {component}" for component in COMPONENTS)])
def documents(request) -> list[dict]:
    if request.param.startswith("with "):
        return build_with(request.param.removeprefix("with "))
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


def test_documents_follow_the_api(tmp_path) -> None:
    # All at once, since the schemas take seconds to be read.
    built = {overlay: build(KUBERNETES / "overlays" / overlay) for overlay in ("cpu", "gpu", "plain")}
    built |= {component: build_with(component) for component in COMPONENTS}
    for name, documents in built.items():
        of_the_api = [found for found in documents if found["kind"] not in CUSTOM]
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump_all(of_the_api))
    result = subprocess.run(
        [BIN / "kubernetes-validate", "--strict", *sorted(tmp_path.iterdir())],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.count("passed for resource") == sum(
        1 for file in tmp_path.iterdir() for _ in yaml.safe_load_all(file.open())
    )


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


def test_namespace_comes_first_and_everything_is_in_it(documents) -> None:
    assert (documents[0]["kind"], documents[0]["metadata"]["name"]) == ("Namespace", "ida-verify")
    assert {found["metadata"]["namespace"] for found in documents[1:]} == {"ida-verify"}
    assert all(found["metadata"]["labels"]["app.kubernetes.io/name"] == "ida-verify" for found in documents)


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


def test_tokens_do_not_come_by_a_variable() -> None:
    documents = build_with("administrators")
    assert "IDA_ADMIN_TOKEN" not in {entry["name"] for entry in container(documents)["env"]}


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


def test_ingress_leads_to_the_requests_and_to_nothing_else() -> None:
    documents = build_with("ingress")
    (rule,) = of_kind(documents, "Ingress")["spec"]["rules"]
    (path,) = rule["http"]["paths"]
    service = of_kind(documents, "Service", path["backend"]["service"]["name"])
    (port,) = service["spec"]["ports"]
    assert (port["name"], port["targetPort"]) == (path["backend"]["service"]["port"]["name"], "http")
    assert [entry["hosts"] for entry in of_kind(documents, "Ingress")["spec"]["tls"]] == [[rule["host"]]]


def may_reach(documents: list[dict], port: int, *, address: str, namespace: dict | None, pod: dict | None) -> bool:
    """Return whether the policy lets the service's pods out to there, as the API defines it.

    Args:
        documents: with a NetworkPolicy.
        port: by TCP.
        address: where to.
        namespace: labels of the namespace there; None for what is outside the cluster.
        pod: labels of the pod there; None for what is outside the cluster.
    """

    def selects(labels: dict, selector: dict) -> bool:
        assert selector.keys() <= {"matchLabels"}
        return selector.get("matchLabels", {}).items() <= labels.items()

    def is_among(peer: dict) -> bool:
        if "ipBlock" in peer:
            assert peer["ipBlock"].keys() == {"cidr"}
            return ipaddress.ip_address(address) in ipaddress.ip_network(peer["ipBlock"]["cidr"])
        return (
            namespace is not None
            and pod is not None
            and selects(namespace, peer["namespaceSelector"])
            and selects(pod, peer["podSelector"])
        )

    def lets_out(rule: dict) -> bool:
        ports = {entry["port"] for entry in rule["ports"] if entry["protocol"] == "TCP"}
        return port in ports and ("to" not in rule or any(map(is_among, rule["to"])))

    return any(map(lets_out, of_kind(documents, "NetworkPolicy")["spec"]["egress"]))


@pytest.mark.parametrize(
    ("component", "store"),
    [("audit-log", True), ("shared-volume", False), ("store-by-address", True), ("store-in-cluster", False)],
    ids=["by default", "shared-volume", "store-by-address", "store-in-cluster"],
)
def test_pods_are_let_out_to_their_store_alone(component: str, store: bool) -> None:
    documents = build_with(component)
    outside = {"namespace": None, "pod": None}
    assert may_reach(documents, 443, address="198.51.100.7", **outside) is store
    # By default the store's addresses are not known.
    assert may_reach(documents, 443, address="203.0.113.7", **outside) is (component == "audit-log")
    for port in (80, 8080, 9000):
        assert not may_reach(documents, port, address="203.0.113.7", **outside)
    minio = {"kubernetes.io/metadata.name": "minio"}
    reaches = component == "store-in-cluster"
    assert may_reach(documents, 9000, address="10.0.0.9", namespace=minio, pod={"app": "minio"}) is reaches
    assert not may_reach(documents, 9000, address="10.0.0.9", namespace=minio, pod={"app": "other"})
    assert not may_reach(
        documents, 9000, address="10.0.0.9", namespace={"kubernetes.io/metadata.name": "x"}, pod={"app": "minio"}
    )
    assert may_reach(documents, 53, address="10.0.0.2", namespace={}, pod={"k8s-app": "kube-dns"})


def test_store_in_the_cluster_is_the_one_that_pods_are_let_out_to() -> None:
    documents = build_with("store-in-cluster")
    (config,) = [found for found in documents if found["kind"] == "ConfigMap"]
    address = urlsplit(config["data"]["AWS_ENDPOINT"])
    rule = of_kind(documents, "NetworkPolicy")["spec"]["egress"][1]
    assert [port["port"] for port in rule["ports"]] == [address.port]
    labels = rule["to"][0]["namespaceSelector"]["matchLabels"]
    assert [labels["kubernetes.io/metadata.name"]] == address.hostname.split(".")[1:2]


@pytest.mark.parametrize(
    ("component", "setting", "secret"),
    [
        ("administrators", "IDA_ADMIN_TOKEN_FILE", "ida-verify-admin"),
        ("keys", "IDA_API_KEYS_FILE", "ida-verify-keys"),
        ("tls", "IDA_TLS_CERTIFICATE", "ida-verify-certificate"),
        ("tls", "IDA_TLS_KEY", "ida-verify-certificate"),
        ("client-certificates", "IDA_TLS_CLIENT_CA", "ida-verify-client-ca"),
        ("signers", "IDA_BUNDLE_KEYS", "ida-verify-signers"),
        ("receipts", "IDA_RECEIPT_KEY_FILE", "ida-verify-receipts"),
        ("audit-digests", "IDA_AUDIT_DIGEST_KEY_FILE", "ida-verify-audit-digests"),
    ],
)
def test_secret_is_mounted_where_the_setting_looks_and_changes_reach_it(component, setting, secret) -> None:
    documents = build_with(component)
    pod = of_kind(documents, "Deployment")["spec"]["template"]["spec"]
    (volume,) = [volume for volume in pod["volumes"] if volume.get("secret", {}).get("secretName") == secret]
    # Its group may read it, which fsGroup makes the service's.
    assert (volume["secret"]["defaultMode"], pod["securityContext"]["fsGroup"]) == (0o440, 10001)
    (mount,) = [mount for mount in container(documents)["volumeMounts"] if mount["name"] == volume["name"]]
    assert mount["readOnly"] is True
    assert "subPath" not in mount
    environment = {entry["name"]: entry.get("value") for entry in container(documents)["env"]}
    # A file in the folder, or the folder itself.
    assert mount["mountPath"] in (environment[setting], environment[setting].rpartition("/")[0])


def test_probes_ask_where_no_clients_certificate_is_wanted() -> None:
    documents = build_with("client-certificates")
    probes = [container(documents)[f"{kind}Probe"]["httpGet"] for kind in ("startup", "readiness", "liveness")]
    assert [(probe["scheme"], probe["port"]) for probe in probes] == [("HTTPS", "inside")] * 3
    environment = {entry["name"] for entry in container(documents)["env"]}
    assert {"IDA_TLS_CERTIFICATE", "IDA_TLS_KEY"} <= environment


def test_own_bundle_is_mounted_where_the_setting_looks() -> None:
    documents = build_with("own-bundle")
    (mount,) = [mount for mount in container(documents)["volumeMounts"] if mount["name"] == "own-bundle"]
    environment = {entry["name"]: entry.get("value") for entry in container(documents)["env"]}
    assert (environment["IDA_BUNDLE"], mount["readOnly"]) == (mount["mountPath"], True)


def test_whoever_asks_pods_with_a_certificate_asks_by_https() -> None:
    documents = build_with("tls")
    probes = [container(documents)[f"{kind}Probe"]["httpGet"] for kind in ("startup", "readiness", "liveness")]
    assert [probe["scheme"] for probe in probes] == ["HTTPS"] * 3
    (endpoint,) = of_kind(documents, "ServiceMonitor")["spec"]["endpoints"]
    assert (endpoint["scheme"], endpoint["tlsConfig"]["ca"]["secret"]["key"]) == ("https", "ca.crt")
    assert "insecureSkipVerify" not in endpoint["tlsConfig"]


def test_overlay_in_the_documents_is_one() -> None:
    text = (REPOSITORY / "deploy" / "README.md").read_text("utf-8").split("\n## Kubernetes\n", 1)[1]
    overlay = yaml.safe_load(text.split("```yaml\n", 1)[1].split("```", 1)[0])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        # As if it lay beside the others.
        beside = Path(*[".."] * len(folder.parts[1:]), *(KUBERNETES / "overlays" / "mine").parts[1:])
        for field in ("resources", "components"):
            overlay[field] = [os.path.normpath(beside / path) for path in overlay[field]]
        (folder / "kustomization.yaml").write_text(yaml.safe_dump(overlay))
        documents = build(folder)
    (config,) = [found for found in documents if found["kind"] == "ConfigMap"]
    assert config["data"]["IDA_STORE"] == "s3://my-bucket/ida-verify"
    assert config["data"]["AWS_REGION"] == "eu-west-1"
    assert "Ingress" in {found["kind"] for found in documents}


def test_components_go_together() -> None:
    secrets = ["administrators", "keys", "client-certificates", "signers", "receipts", "audit-digests"]
    together = [*secrets, "own-bundle", "audit-log", "ingress", "keda", "store-in-cluster"]
    documents = build_with(*together)
    mounted = [mount["mountPath"] for mount in container(documents)["volumeMounts"]]
    assert len(set(mounted)) == len(mounted) == 10
    assert {"Ingress", "ScaledObject"} <= {found["kind"] for found in documents}


@pytest.mark.system
def test_keda_asks_for_the_metric_of_the_autoscaler_and_takes_its_place(tmp_path, require_program) -> None:
    autoscaler = of_kind(build(KUBERNETES / "overlays" / "cpu"), "HorizontalPodAutoscaler")["spec"]
    documents = build_with("keda")
    assert not [found for found in documents if found["kind"] == "HorizontalPodAutoscaler"]
    scaled = of_kind(documents, "ScaledObject")["spec"]
    assert scaled["scaleTargetRef"]["name"] == autoscaler["scaleTargetRef"]["name"]
    (trigger,), (metric,) = scaled["triggers"], autoscaler["metrics"]
    assert metric["pods"]["metric"]["name"] in trigger["metadata"]["query"]
    assert trigger["metadata"]["threshold"] == metric["pods"]["target"]["averageValue"]
    assert [scaled[name] for name in ("minReplicaCount", "maxReplicaCount")] == [
        autoscaler[name] for name in ("minReplicas", "maxReplicas")
    ]
    # A replica that waits for its scrape is not counted twice, nor is another deployment's.
    rules = {"groups": [{"name": "asked", "rules": [{"record": "asked", "expr": trigger["metadata"]["query"]}]}]}
    test = {
        "rule_files": ["rules.yml"],
        "tests": [
            {
                "interval": "30s",
                "input_series": [
                    {"series": f'ida_requests_in_flight{{job="ida-verify", namespace="{place}", pod="{pod}"}}'}
                    | {"values": values}
                    for place, pod, values in [
                        ("ida-verify", "one", "4x10"),
                        ("ida-verify", "two", "2x10"),
                        ("x", "one", "9x10"),
                    ]
                ],
                "promql_expr_test": [
                    {"expr": "asked", "eval_time": "5m", "exp_samples": [{"labels": "asked", "value": 6}]}
                ],
            }
        ],
    }
    (tmp_path / "rules.yml").write_text(yaml.safe_dump(rules))
    (tmp_path / "test.yml").write_text(yaml.safe_dump(test))
    result = subprocess.run(
        [require_program("promtool"), "test", "rules", tmp_path / "test.yml"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_gpu_overlay_asks_for_a_gpu_and_uses_it() -> None:
    found = container(build(KUBERNETES / "overlays" / "gpu"))
    environment = {entry["name"]: entry.get("value") for entry in found["env"]}
    assert (environment["IDA_DEVICE"], environment["IDA_ANCHOR_DEVICE"]) == ("cuda", "cuda")
    assert found["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert found["image"] == "ida-verify:gpu"
