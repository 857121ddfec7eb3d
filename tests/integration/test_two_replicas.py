"""A real Prometheus against two real replicas: what it is told while anchor sets are swapped and a replica dies."""

import json
import shutil
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from e2e.bundles import make_bundle, pipeline_of
from e2e.fleet import Fleet, free_port, until
from e2e.scenarios import push

REPOSITORY = Path(__file__).parents[2]
pytestmark = [pytest.mark.weights, pytest.mark.system]


class Watched:
    """Two replicas, and the Prometheus that scrapes them."""

    def __init__(self, fleet: Fleet, address: str, bundle_id: str) -> None:
        self.fleet = fleet
        self.bundle_id = bundle_id
        self._address = address
        self._direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def get(self, path: str, **parameters: str) -> dict:
        """Return the data of an answer of Prometheus."""
        query = urllib.parse.urlencode(parameters)
        with self._direct.open(f"http://{self._address}/api/v1/{path}?{query}", timeout=10) as answer:
            return json.load(answer)["data"]

    def values(self, expression: str) -> list[float]:
        """Return an expression's values, sorted."""
        try:
            return sorted(float(series["value"][1]) for series in self.get("query", query=expression)["result"])
        except OSError:
            return []


@pytest.fixture(scope="module")
def watched(tmp_path_factory, require_program, pack) -> Iterator[Watched]:
    program = require_program("prometheus")
    folder, home = tmp_path_factory.mktemp("two"), pack.folder.parents[1]
    bundle_id = make_bundle(folder / "bundle", pipeline_of(home), anchors=500, seed=1)
    fleet = Fleet(folder)
    for _ in range(2):
        fleet.add(str(folder / "store"), home)
    rules = folder / "rules"
    shutil.copytree(REPOSITORY / "deploy" / "prometheus" / "rules", rules)
    config = yaml.safe_load((REPOSITORY / "deploy" / "prometheus" / "prometheus.yml").read_text("utf-8"))
    config["global"] |= {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
    targets = [f"127.0.0.1:{replica.port}" for replica in fleet.replicas]
    config["scrape_configs"] = [{"job_name": "ida-verify", "static_configs": [{"targets": targets}]}]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    address = f"127.0.0.1:{free_port()}"
    arguments = [
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={address}",
    ]
    with (folder / "log").open("wb") as log, subprocess.Popen([program, *arguments], stdout=log, stderr=log) as process:
        try:
            fleet.start()
            push(fleet, folder / "bundle", bundle_id)
            found = Watched(fleet, address, bundle_id)
            until(lambda: found.values("up") == [1, 1], "both replicas are scraped")
            yield found
        finally:
            fleet.close()
            process.terminate()
            process.wait(30)


def test_prometheus_sees_two_replicas_follow_an_activation_and_one_die(watched: Watched) -> None:
    assert watched.values("ida_ready") == [1, 1]
    assert watched.values("ida_anchor_set_generation") == [0, 0]

    status, answer = watched.fleet.activate(watched.bundle_id)

    assert (status, answer["generation"]) == (200, 1)
    until(lambda: watched.values("ida_anchor_set_generation") == [1, 1], "both replicas serve generation 1")
    until(lambda: watched.values("ida_active_generation") == [1, 1], "both replicas know of generation 1")
    served = f'ida_anchor_set_info{{anchor_set_id="{watched.bundle_id}"}}'
    until(lambda: watched.values(served) == [1, 1], "both replicas name the new anchor set")
    assert watched.values("count(count by (anchor_set_id) (ida_anchor_set_info == 1))") == [1]
    assert watched.values("count(count by (store_id) (ida_store_info))") == [1]
    assert watched.values('sum(ida_swaps_total{result="swapped"})') == [2]
    assert watched.values("sum(ida_swap_seconds_count)") == [2]
    assert watched.values("ida_store_reachable") == [1, 1]
    assert watched.values("max(ida_lagging)") == [0]

    victim = watched.fleet.replicas[1]
    victim.kill()
    until(lambda: watched.values("up") == [0, 1], "Prometheus misses the killed replica")
    victim.start()
    until(lambda: watched.values("ida_anchor_set_generation") == [1, 1], "it comes back to what is active")


def test_rules_are_loaded_and_healthy(watched: Watched) -> None:
    def healthy() -> list[str]:
        groups = watched.get("rules")["groups"]
        return [rule["health"] for group in groups for rule in group["rules"]]

    until(lambda: healthy() and set(healthy()) == {"ok"}, "every rule was evaluated")
    written = yaml.safe_load((REPOSITORY / "deploy" / "prometheus" / "rules" / "ida-verify.yml").read_text("utf-8"))
    assert len(healthy()) == sum(len(group["rules"]) for group in written["groups"]) > 50
