"""The Helm chart, rendered by Helm's own engine, gives the objects of the overlays and components of kustomize."""

import importlib.util
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from test_kubernetes import KUBERNETES, build, build_with, container, of_kind

REPOSITORY = Path(__file__).parents[2]
CHART = REPOSITORY / "deploy" / "helm"

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("helm_python") is None, reason="helm-python-sdk has no wheel for this platform"
)

OVERLAYS: dict[str, dict] = {
    "cpu": {},
    "gpu": yaml.safe_load((CHART / "values-gpu.yaml").read_text("utf-8")),
    "plain": yaml.safe_load((CHART / "values-plain.yaml").read_text("utf-8")),
}
COMPONENTS: dict[str, dict] = {
    "administrators": {"administrators": {"enabled": True}},
    "keys": {"keys": {"enabled": True}},
    "tls": {"tls": {"enabled": True}},
    "client-certificates": {"tls": {"enabled": True}, "clientCertificates": {"enabled": True}},
    "signers": {"signers": {"enabled": True}},
    "receipts": {"receipts": {"enabled": True}},
    "audit-digests": {"auditDigests": {"enabled": True}},
    "own-bundle": {"ownBundle": {"enabled": True}},
    "audit-log": {"settings": {"IDA_AUDIT_LOG": "stdout"}},
    "shared-volume": {"sharedVolume": {"enabled": True}},
    "ingress": {"ingress": {"enabled": True}},
    "keda": {"autoscaling": {"by": "keda"}},
    "store-by-address": {
        "egress": [{"to": [{"ipBlock": {"cidr": "198.51.100.0/24"}}], "ports": [{"protocol": "TCP", "port": 443}]}]
    },
    "store-in-cluster": {
        "settings": {"IDA_STORE": "s3://ida-verify/store", "AWS_ENDPOINT": "http://minio.minio.svc:9000"},
        "envSecrets": ["ida-verify-store"],
        "egress": [
            {
                "to": [
                    {
                        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "minio"}},
                        "podSelector": {"matchLabels": {"app": "minio"}},
                    }
                ],
                "ports": [{"protocol": "TCP", "port": 9000}],
            }
        ],
    },
}


def render(values: dict) -> list[dict]:
    """Return the objects that `helm template` gives, as a release of another name."""
    import helm_python

    with helm_python.Chart.load(str(CHART)) as chart:
        files = chart.render(values, name="any", namespace="ida-verify")
    documents = [found for file in files if file.endswith(".yaml") for found in yaml.safe_load_all(files[file])]
    return [document for document in documents if document]


def compared(documents: list[dict]) -> dict[tuple[str, str], Any]:
    """Return objects by kind and name, without what the two ways are known to differ in.

    kustomize names settings by their digest, so that changed ones start new pods; the chart has an annotation for that.
    The namespace is made before a chart is installed.
    """
    (settings,) = [found["metadata"]["name"] for found in documents if found["kind"] == "ConfigMap"]
    assert re.fullmatch(r"ida-verify(-\w{10})?", settings)
    found = json.loads(json.dumps(documents).replace(f'"{settings}"', '"ida-verify"'))
    objects = {(one["kind"], one["metadata"]["name"]): in_order(one) for one in found if one["kind"] != "Namespace"}
    objects["Deployment", "ida-verify"]["spec"]["template"]["metadata"].pop("annotations", None)
    return objects


def in_order(value: Any) -> Any:
    """Sort lists of what has a name, where the order means nothing."""
    if isinstance(value, dict):
        return {key: in_order(inner) for key, inner in value.items()}
    if isinstance(value, list) and all(isinstance(inner, dict) and "name" in inner for inner in value):
        return sorted(map(in_order, value), key=lambda inner: inner["name"])
    return [in_order(inner) for inner in value] if isinstance(value, list) else value


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_chart_gives_the_objects_of_the_overlay(overlay: str) -> None:
    assert compared(render(OVERLAYS[overlay])) == compared(build(KUBERNETES / "overlays" / overlay))


@pytest.mark.parametrize("component", [found.name for found in sorted((KUBERNETES / "components").iterdir())])
def test_chart_gives_the_objects_of_the_component(component: str) -> None:
    assert compared(render(COMPONENTS[component])) == compared(build_with(component))


def test_linter_of_helm_finds_nothing() -> None:
    import helm_python

    told = helm_python.lint(str(CHART))
    assert [message for message in told["messages"] if message["severity"] > 1] == []


def test_changed_settings_start_new_pods_and_others_do_not() -> None:
    def stamp(values: dict) -> dict:
        return of_kind(render(values), "Deployment")["spec"]["template"]["metadata"]["annotations"]

    assert stamp({}) == stamp({"ingress": {"enabled": True}})
    assert stamp({}) != stamp({"settings": {"IDA_LOG_LEVEL": "debug"}})
    assert stamp({}) != stamp({"sharedVolume": {"enabled": True}})


@pytest.mark.parametrize(
    "values",
    [
        {"image": {"tga": "cpu"}},
        {"settings": {"IDA_STORE": ""}},
        {"autoscaling": {"by": "memory"}},
        {"key": {}},
        {"clientCertificates": {"enabled": True}},
    ],
    ids=["misspelt", "no store", "unknown", "no such value", "clients' certificates without HTTPS"],
)
def test_values_that_mean_nothing_are_refused(values: dict) -> None:
    import helm_python

    with helm_python.Chart.load(str(CHART)) as chart, pytest.raises(helm_python.HelmError):
        chart.validate_schema(values)


def test_everything_is_put_where_the_release_is_and_found_there() -> None:
    import helm_python

    with helm_python.Chart.load(str(CHART)) as chart:
        values = {"tls": {"enabled": True}, "autoscaling": {"by": "keda"}, "ingress": {"enabled": True}}
        files = chart.render(values | COMPONENTS["shared-volume"], name="any", namespace="elsewhere")
    documents = [found for file in files.values() for found in yaml.safe_load_all(file) if found]
    assert {document["metadata"]["namespace"] for document in documents} == {"elsewhere"}
    assert of_kind(documents, "ServiceMonitor")["spec"]["endpoints"][0]["tlsConfig"]["serverName"].split(".")[1] == (
        "elsewhere"
    )
    (trigger,) = of_kind(documents, "ScaledObject")["spec"]["triggers"]
    assert 'namespace="elsewhere"' in trigger["metadata"]["query"]


def test_versions_of_chart_and_project_are_one() -> None:
    import tomllib

    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text("utf-8"))
    assert (chart["version"], chart["appVersion"]) == (project["version"], project["version"])
    assert container(render({}))["image"] == "ida-verify:cpu"
