"""The administration by the command, against real servers: what is printed, and with which code it ends."""

import json
import re
import shutil
import signal
import socket
import subprocess

import pytest
from e2e.bundles import make_bundle, pipeline_of
from e2e.fleet import PROGRAM, TOKEN, Fleet, ask, free_port, until
from in_process import command

pytestmark = pytest.mark.weights


@pytest.fixture(scope="module")
def home(pack):
    return pack.folder.parents[1]


@pytest.fixture(scope="module")
def bundles(tmp_path_factory, home):
    folder, pipeline = tmp_path_factory.mktemp("bundles"), pipeline_of(home)
    return {make_bundle(folder / f"b{seed}", pipeline, anchors=300, seed=seed): folder / f"b{seed}" for seed in (1, 2)}


@pytest.fixture
def fleet(tmp_path, home):
    fleet = Fleet(tmp_path)
    yield fleet
    fleet.close()


def anchors(fleet, *arguments, token=TOKEN, url=None):
    environment = {**fleet.replicas[0].environment, "IDA_ADMIN_TOKEN": token}
    return command("anchors", *arguments, "--url", url or fleet.replicas[0].url, environment=environment)


@pytest.mark.long
def test_push_activate_wait_rollback_and_status(fleet, tmp_path, home, bundles):
    for _ in range(2):
        fleet.add(str(tmp_path / "store"), home)
    fleet.start()
    (one, one_folder), (other, other_folder) = bundles.items()

    pushed = [anchors(fleet, "push", folder) for folder in (one_folder, other_folder, one_folder)]
    assert [result.returncode for result in pushed] == [0, 0, 0], pushed
    assert [result.stdout for result in pushed] == [f"{one}\n", f"{other}\n", f"{one}\n"]
    assert ["was in the store already" in result.stderr for result in pushed] == [False, False, True]
    as_json = anchors(fleet, "push", one_folder, "--json")
    assert json.loads(as_json.stdout) == {"anchor_set_id": one, "created": False, "repaired": []}

    dry = anchors(fleet, "activate", one, "--dry-run", "--allow-uncalibrated")
    assert (dry.returncode, "could be activated" in dry.stdout) == (0, True)
    first = anchors(fleet, "activate", one, "--expected-generation", 0, "--wait", "--allow-uncalibrated")
    assert first.returncode == 0, first.stderr
    assert "served by all 2 replicas: replica-0, replica-1" in first.stdout
    assert [replica.generation() for replica in fleet.replicas] == [1, 1]

    stale = anchors(fleet, "activate", other, "--expected-generation", 0, "--allow-uncalibrated")
    assert (stale.returncode, "newest generation is 1" in stale.stderr) == (1, True)
    assert anchors(fleet, "activate", other, "--wait", "--json", "--allow-uncalibrated").returncode == 0
    back = anchors(fleet, "rollback", "--wait")
    assert (back.returncode, f"{one} is active, {other} was before" in back.stdout) == (0, True)

    status = anchors(fleet, "status", "--json")
    found = json.loads(status.stdout)
    assert (found["generation"], found["active"]) == (3, one)
    assert [record["action"] for record in found["activations"]] == ["rollback", "activate", "activate"]
    assert {replica["replica"] for replica in found["replicas"]} == {"replica-0", "replica-1"}
    assert anchors(fleet, "delete", one).returncode == 1
    kept = anchors(fleet, "delete", other)
    assert (kept.returncode, "--allow-retained" in kept.stderr.replace("\n", " ")) == (1, True)
    table = anchors(fleet, "status").stdout
    assert one in table
    assert "rollback" in table
    gone = anchors(fleet, "delete", other, "--allow-retained")
    assert (gone.returncode, gone.stdout) == (0, f"{other} is deleted\n"), gone.stderr
    damaged = tmp_path / "store" / "bundles" / one / "embeddings.npy"
    damaged.write_bytes(b"?")
    mended = anchors(fleet, "push", one_folder)
    assert (mended.returncode, "put right (embeddings.npy)" in mended.stderr) == (0, True), mended.stderr
    assert damaged.read_bytes() == (one_folder / "embeddings.npy").read_bytes()


def test_decisions_are_kept_unless_it_is_said_and_going_back_ends_at_the_settings(fleet, tmp_path, home, bundles):
    fleet.add(str(tmp_path / "store"), home)
    fleet.start()
    one, folder = next(iter(bundles.items()))
    anchors(fleet, "push", folder)
    for refused in (anchors(fleet, "activate", one), anchors(fleet, "activate", one, "--dry-run")):
        assert refused.returncode == 1
        assert "--allow-uncalibrated" in refused.stderr.replace("\n", " ")
    built_in = next(entry["id"] for entry in _sets(fleet) if entry["state"] == "built_in")
    assert anchors(fleet, "activate", one, "--allow-uncalibrated").returncode == 0
    back = anchors(fleet, "rollback")
    assert (back.returncode, f"{built_in} is active" in back.stdout) == (0, True), back.stderr
    assert anchors(fleet, "rollback").returncode == 1
    assert anchors(fleet, "rollback", "--to", 1, "--allow-uncalibrated").returncode == 0
    assert anchors(fleet, "rollback", "--to", 0).returncode == 0


def _sets(fleet):
    return json.loads(anchors(fleet, "status", "--json").stdout)["anchor_sets"]


def test_signed_bundles_are_taken_and_others_are_not(fleet, tmp_path, home, bundles):
    one, folder = next(iter(bundles.items()))
    shutil.copytree(folder, tmp_path / "bundle")
    keys = tmp_path / "keys"
    keys.mkdir()
    fleet.add(str(tmp_path / "store"), home, IDA_BUNDLE_KEYS=str(keys))
    for words in (["keygen", tmp_path / "alice"], ["sign", tmp_path / "bundle", "--key", tmp_path / "alice.key"]):
        made = command("anchors", *words)
        assert made.returncode == 0, made.stderr
    (tmp_path / "alice.pub").rename(keys / "alice.pub")
    fleet.start()
    refused = anchors(fleet, "push", folder)
    assert (refused.returncode, "is not signed" in refused.stderr.replace("\n", " ")) == (1, True)
    pushed = anchors(fleet, "push", tmp_path / "bundle")
    assert (pushed.returncode, pushed.stdout.strip()) == (0, one)
    active = anchors(fleet, "activate", one, "--allow-uncalibrated")
    assert (active.returncode, "signature: by alice" in active.stdout) == (0, True)


def test_what_cannot_be_done_is_said_in_one_line(fleet, tmp_path, home, bundles):
    fleet.add(str(tmp_path / "store"), home)
    fleet.start()
    one = next(iter(bundles))
    nobody = f"http://127.0.0.1:{free_port()}"
    for result, words in (
        (anchors(fleet, "status", token="not-the-right-token"), "does not know the token"),
        (anchors(fleet, "status", url=nobody), "cannot be reached"),
        (anchors(fleet, "activate", one), "has no bundle"),
        (anchors(fleet, "rollback"), "No anchor set was ever activated"),
    ):
        assert result.returncode == 1
        assert result.stderr.startswith("error")
        assert words in result.stderr.replace("\n", " ")
        assert "Traceback" not in result.stderr
    no_bundle = anchors(fleet, "push", tmp_path)
    assert (no_bundle.returncode, "is no bundle" in re.sub(r"[│\s]+", " ", no_bundle.stderr)) == (2, True)


def test_admin_api_on_a_port_of_its_own_starts_and_stops_with_the_service(fleet, tmp_path, home):
    inside = free_port()
    replica = fleet.add(str(tmp_path / "store"), home, IDA_ADMIN_PORT=str(inside), IDA_DRAIN_SECONDS="1")
    fleet.start()
    url = f"http://127.0.0.1:{inside}"
    until(lambda: ask(f"{url}/admin/anchor-sets")[0] == 200, "the inside port answers")
    assert ask(f"{replica.url}/admin/anchor-sets")[0] == 404
    assert ask(f"{replica.url}/metrics")[0] == 404

    replica.process.send_signal(signal.SIGTERM)
    until(lambda: ask(f"{replica.url}/readyz")[1]["status"] == "draining", "it says that it drains")
    assert ask(f"{replica.url}/info")[0] == 200
    assert replica.process.wait(40) == 0
    assert ask(f"{url}/healthz")[0] == 0


@pytest.mark.parametrize("taken", ["main", "inside"])
def test_port_that_is_taken_is_said_in_one_line(fleet, tmp_path, home, taken):
    never_started = fleet.add(str(tmp_path / "store"), home)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        busy, free = listening.getsockname()[1], free_port()
        main, inside = (busy, free) if taken == "main" else (free, busy)
        result = subprocess.run(
            [PROGRAM, "serve", "--port", str(main)],
            env={**never_started.environment, "IDA_ADMIN_PORT": str(inside)},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    assert result.returncode == 1
    assert f"cannot listen on 127.0.0.1 port {busy}" in result.stderr
    assert "Traceback" not in result.stderr
