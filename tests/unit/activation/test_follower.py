"""A replica follows the store: what it serves, what it says of itself, and what disturbs it not at all."""

import gc
import json
import logging
import threading
import weakref

import pytest

from service.errors import StoreUnavailable
from service.scoring.terms import SUPPORT
from service.snapshot.registry import Registry
from service.store.record_store import RecordStore


def sample(replica, name, **labels):
    return replica.metrics.registry.get_sample_value(name, labels)


def served(replica):
    snapshot = replica.registry.current()
    return snapshot.bundle_id, snapshot.generation


def test_replica_of_a_store_without_activations_serves_the_bundle_of_the_settings(world):
    replica = world.replica()
    replica.follower.look()
    assert served(replica) == (world.built_in_id, 0)
    assert not replica.follower.is_lagging
    written = [file.parent.name for file in (world.folder / "store").rglob("*") if file.is_file()]
    assert written == ["replicas"], "a look writes its report and nothing else into a store that nobody used yet"


def test_replica_follows_the_newest_activation(world):
    replica, bundle_id = world.replica(), world.pushed(1)
    world.activated(bundle_id)

    replica.follower.look()

    assert served(replica) == (bundle_id, 1)
    assert sample(replica, "ida_anchor_set_generation") == 1
    assert sample(replica, "ida_active_generation") == 1
    assert sample(replica, "ida_swaps_total", result="swapped") == 1
    assert sample(replica, "ida_lagging") == 0
    (info,) = replica.metrics.anchor_set_info.collect()[0].samples  # that of what was served before is gone
    assert (info.labels["anchor_set_id"], info.value) == (bundle_id, 1)


@pytest.mark.slow
def test_replica_that_missed_some_goes_to_the_newest_at_once(world):
    replica, one, other = world.replica(), world.pushed(1), world.pushed(2)
    for bundle_id in (one, other, one, other):
        world.activated(bundle_id)
    replica.follower.look()
    assert served(replica) == (other, 4)
    assert sample(replica, "ida_swaps_total", result="swapped") == 1


def test_same_bundle_again_gives_a_new_generation(world):
    replica, bundle_id = world.replica(), world.pushed(1)
    world.activated(bundle_id)
    replica.follower.look()
    before = replica.registry.current()
    world.activated(bundle_id)
    replica.follower.look()
    assert served(replica) == (bundle_id, 2)
    assert replica.registry.current().sources is before.sources, "nothing was loaded again"


@pytest.mark.slow
def test_spoilt_bundle_leaves_the_old_one_and_says_so_once(world, caplog):
    replica, good, bad = world.replica(), world.pushed(1), world.pushed(2)
    world.activated(good)
    replica.follower.look()
    mend = world.spoil(bad)
    world.activated(bad)

    for _ in range(3):
        replica.clock.now += 1000
        replica.follower.look()

    assert served(replica) == (good, 1)
    failure = replica.follower.state.failure
    assert (failure.generation, failure.bundle_id, failure.code, failure.attempts) == (2, bad, "bundle_invalid", 3)
    assert replica.follower.is_lagging
    assert sample(replica, "ida_lagging") == 1
    assert sample(replica, "ida_swaps_total", result="failed") == 3
    assert sample(replica, "ida_bundle_load_failures_total", reason="bundle_invalid") == 3
    assert [record.levelname for record in caplog.records].count("ERROR") == 1
    (report,) = world.store.reports()
    assert (report.generation, report.failed_generation, report.error_code) == (1, 2, "bundle_invalid")

    mend()
    replica.clock.now += 1000
    replica.follower.look()
    assert served(replica) == (bad, 2)
    assert replica.follower.state.failure is None
    assert world.store.reports()[0].error is None


@pytest.mark.slow
def test_failed_load_is_tried_again_with_growing_pauses(world):
    replica, bad = world.replica(), world.pushed(1)
    world.spoil(bad)
    world.activated(bad)
    tries = []
    for second in range(200):
        replica.clock.now = float(second)
        replica.follower.look()
        attempts = replica.follower.state.failure.attempts
        if len(tries) < attempts:
            tries.append(second)
    assert tries == [0, 10, 30, 70, 130, 190]


@pytest.mark.slow
def test_next_activation_is_not_held_up_by_a_failed_one(world):
    replica, bad, good = world.replica(), world.pushed(1), world.pushed(2)
    world.spoil(bad)
    world.activated(bad)
    replica.follower.look()
    world.activated(good)
    replica.follower.look()
    assert served(replica) == (good, 2)
    assert replica.follower.state.failure is None


def test_record_that_cannot_be_read_holds_up_nothing_after_it(world):
    replica, bundle_id = world.replica(), world.pushed(1)
    world.activated(bundle_id)
    (world.folder / "store" / "activations" / "2.json").write_bytes(b"{")
    replica.follower.look()
    assert replica.follower.state.failure.code == "activation_invalid"
    assert replica.follower.state.newest_generation == 2
    world.store.append(world.store.activation(1).model_copy(update={"generation": 3}))
    replica.follower.look()
    assert served(replica) == (bundle_id, 3)


def test_bundle_for_another_backbone_is_refused(world):
    replica = world.replica()
    world.activated(world.pushed(1, backbone_id="c" * 16))
    replica.follower.look()
    assert served(replica) == (world.built_in_id, 0)
    assert replica.follower.state.failure.code == "bundle_mismatch"


def test_settings_hold_for_every_bundle(world):
    replica = world.replica(k=3, tau=2.0)
    world.activated(world.pushed(1))
    replica.follower.look()
    parameters = replica.registry.current().parameters
    assert (parameters.k, parameters.tau) == (3, 2.0)


@pytest.mark.slow
def test_store_that_goes_away_and_comes_back_disturbs_nothing(world):
    replica, one, other = world.replica(), world.pushed(1), world.pushed(2)
    world.activated(one)
    replica.follower.look()
    (world.folder / "store").rename(world.folder / "away")

    replica.follower.look()

    assert served(replica) == (one, 1)
    assert not replica.follower.state.is_reachable
    assert "is gone" in replica.follower.state.store_error
    assert sample(replica, "ida_store_reachable") == 0

    (world.folder / "away").rename(world.folder / "store")
    world.activated(other)
    replica.follower.look()
    assert served(replica) == (other, 2)
    assert sample(replica, "ida_store_reachable") == 1


@pytest.mark.slow
def test_lag_is_counted_while_it_lasts(world):
    replica, bad, good = world.replica(), world.pushed(1), world.pushed(2)
    world.spoil(bad)
    world.activated(bad)
    replica.follower.look()
    replica.clock.now = 42.0
    assert sample(replica, "ida_watch_lag_seconds") == 42.0
    world.activated(good)
    replica.follower.look()
    assert sample(replica, "ida_watch_lag_seconds") == 0


def test_replica_of_a_new_store_is_in_the_list_before_anything_is_pushed(world):
    replica = world.replica()
    replica.follower.start(patience=20)
    try:
        (report,) = world.store.reports()
        assert (report.replica, report.generation, report.store_id) == ("a", 0, None)
        assert world.store.store_id() is None
    finally:
        replica.follower.close()
    assert world.store.reports() == ()


def test_report_that_cannot_be_written_is_a_warning_once_the_store_is_used(world, monkeypatch, caplog):
    def refuse(*_):
        raise StoreUnavailable("The store is read-only.")

    caplog.set_level(logging.INFO)
    replica = world.replica()
    monkeypatch.setattr(RecordStore, "report", refuse)
    for _ in range(2):
        replica.follower.look()
    world.pushed(1)
    for _ in range(2):
        replica.follower.look()
    said = [record.levelname for record in caplog.records if "cannot be written" in record.getMessage()]
    assert said == ["INFO", "WARNING"]


def test_report_is_written_when_something_changed_and_every_third_look(world):
    replica, bundle_id = world.replica(), world.pushed(1)
    seen = []

    def reported():
        replica.follower.look()
        (report,) = world.store.reports()
        seen.append(report.at)
        return report

    assert reported().generation == 0
    replica.clock.now += 5
    reported()
    assert seen[0] == seen[1], "nothing changed, and it is not due"
    world.activated(bundle_id)
    assert reported().generation == 1
    replica.clock.now += 15
    reported()
    assert seen[3] >= seen[2]
    replica.follower.close()
    assert world.store.reports() == ()


@pytest.mark.slow
def test_request_in_flight_finishes_on_the_old_generation_and_its_memory_is_freed_then(world):
    replica, one, other = world.replica(), world.pushed(1), world.pushed(2)
    world.activated(one)
    replica.follower.look()
    held = replica.registry.current()
    gone = weakref.ref(held.sources)
    world.activated(other)
    replica.follower.look()

    assert served(replica) == (other, 2)
    assert (held.bundle_id, held.generation) == (one, 1)
    assert len(held.terms(held.golden.probes, (SUPPORT,))["log_density"]) == len(held.golden.probes)
    del held
    gc.collect()
    assert gone() is None


@pytest.mark.slow
def test_registry_never_goes_back(world):
    snapshots = []
    replica = world.replica()
    for seed in range(1, 4):
        world.activated(world.pushed(seed))
        replica.follower.look()
        snapshots.append(replica.registry.current())
    registry = Registry(snapshots[0])
    barrier = threading.Barrier(2)

    def swap(snapshot):
        barrier.wait()
        registry.swap(snapshot)

    threads = [threading.Thread(target=swap, args=(snapshot,)) for snapshot in snapshots[1:]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert registry.current() is snapshots[2]
    assert registry.swap(snapshots[1]) is False


@pytest.mark.parametrize("error", [RuntimeError("unforeseen"), MemoryError()])
def test_unforeseen_fault_of_a_load_ends_nothing(world, monkeypatch, error):
    replica, bundle_id = world.replica(), world.pushed(1)
    world.activated(bundle_id)
    with monkeypatch.context() as patch:
        patch.setattr(replica.loader, "load", lambda *_: (_ for _ in ()).throw(error))
        replica.follower.look()
    assert replica.follower.state.failure.code == "error"
    replica.clock.now += 1000
    replica.follower.look()
    assert served(replica) == (bundle_id, 1)


def test_thread_follows_by_itself_and_ends(world):
    replica, bundle_id = world.replica(), world.pushed(1)
    swapped = threading.Event()
    put = replica.switch.put
    replica.switch.put = lambda *arguments: (put(*arguments), swapped.set())
    replica.follower.start()
    world.activated(bundle_id)
    replica.follower.wake()
    assert swapped.wait(20)
    replica.follower.close()
    assert served(replica) == (bundle_id, 1)


def test_registry_keeps_what_it_serves_where_another_has_the_same_generation(world):
    replica = world.replica()
    world.activated(world.pushed(1))
    replica.follower.look()
    before = replica.registry.current()
    other = replica.loader.load(world.folder / "bundle-1", before.generation).snapshot
    assert replica.registry.swap(other) is False
    assert replica.registry.current() is before


def test_generation_that_is_served_already_is_not_loaded_again(world):
    replica, bundle_id = world.replica(), world.pushed(1)
    world.activated(bundle_id)
    replica.follower.look()
    replica.follower.look()
    assert replica.follower.state.failure is None
    assert not sample(replica, "ida_swaps_total", result="failed")
    assert not replica.follower.is_lagging
    assert sample(replica, "ida_swaps_total", result="swapped") == 1


@pytest.mark.slow
def test_replica_follows_what_was_allowed_without_decisions_and_nothing_else_of_the_kind(world):
    replica, one, other = world.replica(), world.pushed(1), world.pushed(2)
    world.activated(one, allow_uncalibrated=True)
    replica.follower.look()
    assert served(replica) == (one, 1)
    world.activated(other, allow_uncalibrated=False)
    replica.follower.look()
    assert served(replica) == (one, 1)
    assert replica.follower.state.failure.code == "bundle_uncalibrated"


def test_record_of_a_version_that_did_not_ask_is_followed(world):
    replica, bundle_id = world.replica(), world.pushed(1)
    world.activated(bundle_id)
    path = world.folder / "store" / "activations" / "1.json"
    document = json.loads(path.read_bytes())
    path.write_text(json.dumps({name: document[name] for name in document if name != "allow_uncalibrated"}))
    replica.follower.look()
    assert served(replica) == (bundle_id, 1)
