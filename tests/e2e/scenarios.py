"""What may go wrong while anchor sets are swapped under load, one function for each; each returns what it counted."""

import os
import shutil
import signal
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from e2e.fleet import Fleet, ask, until
from e2e.steady_load import SteadyLoad

from service.store.archive import pack_bundle


def push(fleet: Fleet, folder: Path, bundle_id: str) -> None:
    """Upload a bundle through the first replica."""
    archive = fleet.folder / f"{bundle_id}.tar"
    pack_bundle(folder, archive)
    url = f"{fleet.replicas[0].url}/admin/anchor-sets/{bundle_id}"
    status, answer = ask(url, verb="PUT", body=archive.read_bytes(), timeout=120)
    archive.unlink()
    assert status in (200, 201), answer


def swaps(fleet: Fleet, load: SteadyLoad, bundles: list[str], count: int, pause: float) -> dict[str, Any]:
    """Activate bundles in turn, each through another replica; wait until all follow, and some seconds after each."""
    windows, followed = [], []
    for number in range(count):
        began = time.monotonic()
        status, answer = fleet.activate(bundles[number % len(bundles)], at=number % len(fleet.replicas))
        assert status == 200, answer
        followed.append(fleet.follow(answer["generation"]))
        windows.append((began, time.monotonic()))
        time.sleep(pause)
    quantiles = {
        f"p{round(share * 100)}_ms_{name}": round(load.seen.quantile(share, windows, inside=name == "during"), 1)
        for share in (0.5, 0.99)
        for name in ("before", "during")
    }
    return {
        "swaps": count,
        "seconds_of_a_swap": round(sum(end - start for start, end in windows) / count, 2),
        "seconds_until_all_followed_at_most": round(max(followed), 2),
        **quantiles,
    }


def race(fleet: Fleet, bundles: list[str], rounds: int = 10) -> dict[str, Any]:
    """Have two administrators activate different bundles at two replicas, both expecting the same generation."""
    for _ in range(rounds):
        _, found = ask(f"{fleet.replicas[0].url}/admin/activations?limit=1")
        newest = found["activations"][0]["generation"]
        active = found["activations"][0]["anchor_set_id"]
        others = [bundle for bundle in bundles if bundle != active]
        with ThreadPoolExecutor(2) as pool:
            asked = [
                pool.submit(fleet.activate, other, at=at, expected_generation=newest)
                for at, other in enumerate((others[0], others[-1]))
            ]
            answers = [answer.result() for answer in asked]
        assert sorted(status for status, _ in answers) == [200, 412], answers
        fleet.follow(newest + 1)
    return {"races": rounds, "with_one_winner": rounds}


def killed_in_a_swap(fleet: Fleet, bundles: list[str]) -> dict[str, Any]:
    """Kill a replica while it loads what was activated, and start it again."""
    victim = fleet.replicas[-1]
    answers: list[tuple[int, Any]] = []
    thread = threading.Thread(target=lambda: answers.append(fleet.activate(bundles[0], at=0)))
    thread.start()
    until(lambda: (victim.readiness() or {}).get("lagging") or answers, "the replica begins to follow", 30)
    victim.kill()
    thread.join()
    assert answers[0][0] == 200, answers
    victim.start()
    until(lambda: victim.generation() == answers[0][1]["generation"], "the killed replica serves what is active")
    fleet.follow(answers[0][1]["generation"])
    return {"killed": 1, "came_back_to_what_is_active": True}


def corrupt_bundle(fleet: Fleet, spoil: Path, bundle_id: str) -> dict[str, Any]:
    """Activate a bundle whose anchors are spoilt in the store once one replica has its copy.

    Args:
        fleet: the replicas.
        spoil: the file of its anchors in the store.
        bundle_id: the bundle, pushed and never activated.
    """
    before = fleet.replicas[1].generation()
    status, answer = fleet.activate(bundle_id, at=0, dry_run=True)
    assert status == 200, answer
    sound = spoil.read_bytes()
    spoil.write_bytes(sound[:-1] + bytes([sound[-1] ^ 1]))
    refused, reason = fleet.activate(bundle_id, at=1)
    assert (refused, reason["code"]) == (422, "bundle_invalid"), reason
    status, answer = fleet.activate(bundle_id, at=0)
    assert status == 200, answer
    others = fleet.replicas[1:]
    for replica in others:
        until(lambda replica=replica: (replica.readiness() or {}).get("last_error"), f"{replica.name} says so")
    states = [replica.readiness() for replica in others]
    assert all(state["generation"] == before and state["lagging"] for state in states), states
    command = ["anchors", "activate", bundle_id, "--wait", "--timeout", "20", "--url", fleet.replicas[0].url]
    waited = subprocess.run(
        [fleet.program, *command], env=fleet.replicas[0].environment, capture_output=True, text=True, check=False
    )
    assert waited.returncode == 1, waited
    assert all(replica.name in waited.stderr for replica in others), waited.stderr
    spoil.write_bytes(sound)
    healed = fleet.follow(answer["generation"], seconds=90)
    return {"stayed_ready_on_the_old_one": len(others), "wait_exited_with": 1, "healed_after_s": round(healed, 1)}


def folder_store_away(fleet: Fleet, store: Path, bundles: list[str], seconds: float) -> dict[str, Any]:
    """Take the folder of the store away for a while."""
    hidden = store.with_name(f"{store.name}.away")
    store.rename(hidden)
    try:
        found = _while_away(fleet, bundles, seconds)
    finally:
        if store.exists():
            shutil.rmtree(store)
        hidden.rename(store)
    return {**found, **_back(fleet, bundles)}


def server_store_away(
    fleet: Fleet, server: "subprocess.Popen[bytes]", bundles: list[str], seconds: float
) -> dict[str, Any]:
    """Stop the store's server for a while, so that whoever asks it hears nothing."""
    os.kill(server.pid, signal.SIGSTOP)
    try:
        found = _while_away(fleet, bundles, seconds)
    finally:
        os.kill(server.pid, signal.SIGCONT)
    return {**found, **_back(fleet, bundles)}


def _while_away(fleet: Fleet, bundles: list[str], seconds: float) -> dict[str, Any]:
    began = time.monotonic()
    for replica in fleet.replicas:
        until(
            lambda replica=replica: not (replica.readiness() or {"store": {"reachable": True}})["store"]["reachable"],
            f"{replica.name} says that the store is away",
            40,
        )
    noticed = time.monotonic() - began
    status, answer = fleet.activate(bundles[0], at=0)
    assert (status, answer["code"]) == (503, "store_unavailable"), answer
    # A cold start with the store away serves what was served last.
    victim = fleet.replicas[-1]
    generation = victim.generation()
    victim.kill()
    victim.start()
    state = until(victim.readiness, f"{victim.name} starts with the store away")
    assert state["generation"] == generation, state
    time.sleep(seconds)
    return {"away_noticed_after_s": round(noticed, 1), "cold_start_with_store_away": True}


def _back(fleet: Fleet, bundles: list[str]) -> dict[str, Any]:
    began = time.monotonic()
    for replica in fleet.replicas:
        until(lambda replica=replica: (replica.readiness() or {}).get("store", {}).get("reachable"), replica.name, 40)
    back = time.monotonic() - began
    _, found = ask(f"{fleet.replicas[0].url}/admin/activations?limit=1")
    active = found["activations"][0]["anchor_set_id"]
    status, answer = fleet.activate(next(bundle for bundle in bundles if bundle != active), at=0)
    assert status == 200, answer
    fleet.follow(answer["generation"])
    return {"back_noticed_after_s": round(back, 1)}


def full_disk(fleet: Fleet, folder: Path, bundle_id: str, small_disk: Path) -> dict[str, Any]:
    """Upload to a replica whose disk has no room for it; nothing is left behind.

    Args:
        fleet: the replicas; the last one keeps its copies on the small disk.
        folder: a bundle that is larger than the disk.
        bundle_id: its id.
        small_disk: where the disk is mounted.
    """
    archive = fleet.folder / "large.tar"
    pack_bundle(folder, archive)
    url = f"{fleet.replicas[-1].url}/admin/anchor-sets/{bundle_id}"
    status, answer = ask(url, verb="PUT", body=archive.read_bytes(), timeout=120)
    assert (status, answer and answer["code"]) == (507, "storage_full"), (status, answer)
    left = list(small_disk.rglob("upload-*"))
    assert not left, left
    _, sets = ask(f"{fleet.replicas[0].url}/admin/anchor-sets")
    assert bundle_id not in [entry["id"] for entry in sets["anchor_sets"]]
    return {"answered": 507, "files_left": 0}
