"""What a replica begins with: the newest that can be served, or what it served last."""

import errno
import shutil

import pytest
from calibrated_bundles import calibrated
from small_bundles import small_bundle

from service.activation import built_in
from service.activation.loading import BundleLoader
from service.activation.start import start
from service.errors import BundleInvalid, BundleMismatch, StoreUnavailable
from service.scoring.population import MeasureLimit, PopulationLimits
from service.settings import NO_BUNDLE, Settings
from service.store import local_copies
from service.store.bundle_store import open_store
from service.store.local_copies import LocalCopies


def served(replica):
    snapshot = replica.registry.current()
    return snapshot.bundle_id, snapshot.generation, replica.follower.is_lagging


def test_start_serves_what_is_active(world):
    bundle_id = world.pushed(1)
    world.activated(world.pushed(2))
    world.activated(bundle_id)
    assert served(world.replica()) == (bundle_id, 2, False)


@pytest.mark.slow
def test_start_goes_down_the_history_to_what_can_be_served_and_says_that_it_lags(world):
    good, bad, worse = world.pushed(1), world.pushed(2), world.pushed(3)
    for bundle_id in (good, bad, worse):
        world.activated(bundle_id)
    for bundle_id in (bad, worse):
        world.spoil(bundle_id)
    replica = world.replica()
    assert served(replica) == (good, 1, True)
    assert replica.follower.state.newest_generation == 3


def test_start_with_nothing_to_serve_in_the_history_takes_the_bundle_of_the_settings(world):
    world.activated(world.pushed(1, backbone_id="c" * 16))
    assert served(world.replica()) == (world.built_in_id, 0, True)


@pytest.mark.slow
def test_start_with_the_store_away_serves_what_was_served_last(world):
    bundle_id = world.pushed(1)
    world.activated(bundle_id)
    world.replica("a")
    (world.folder / "store").rename(world.folder / "away")
    replica = world.replica("a")
    assert served(replica)[:2] == (bundle_id, 1)
    replica.follower.look()
    assert not replica.follower.state.is_reachable
    (world.folder / "away").rename(world.folder / "store")
    world.activated(world.built_in_id)
    replica.follower.look()
    assert served(replica) == (world.built_in_id, 2, False)


def test_start_with_the_store_away_serves_the_anchor_set_of_the_settings_where_that_was_served_last(world):
    world.pushed(1)
    world.replica("a")
    (world.folder / "store").rename(world.folder / "away")
    assert served(world.replica("a"))[:2] == (world.built_in_id, 0)


def test_start_with_the_store_away_names_what_was_served_last_where_it_is_gone_from_the_machine(world):
    bundle_id = world.pushed(1)
    world.activated(bundle_id)
    world.replica("a")
    (world.folder / "store").rename(world.folder / "away")
    shutil.rmtree(world.folder / "cache-a" / bundle_id)
    with pytest.raises(StoreUnavailable, match=f"served here last, {bundle_id}, is not on this machine"):
        world.replica("a")


def test_start_with_the_store_away_does_not_serve_what_was_rolled_back(world):
    world.activated(world.pushed(1))
    replica = world.replica("a")
    world.activated(world.built_in_id)
    replica.follower.look()
    assert served(replica)[:2] == (world.built_in_id, 2)
    (world.folder / "store").rename(world.folder / "away")
    assert served(world.replica("a"))[:2] == (world.built_in_id, 2)


def test_start_with_the_store_away_and_nothing_to_fall_back_on_is_refused(world):
    class Away:
        url = "s3://nowhere"

        def store_id(self):
            raise StoreUnavailable("The store s3://nowhere cannot be reached.")

    loader = BundleLoader(Settings(home=world.folder), world.pipeline)
    with pytest.raises(StoreUnavailable, match=r"cannot be reached\. No bundle was served here before"):
        start(loader, Away(), LocalCopies(world.folder / "cache"), world.built_in)


def test_spoilt_copy_that_cannot_be_removed_is_told_and_tried_no_further(world, monkeypatch, caplog):
    bundle_id = world.pushed(1)
    world.activated(bundle_id)
    world.replica()
    (world.folder / "cache-a" / bundle_id / "embeddings.npy").write_bytes(b"spoilt")

    def refuse(path, **_):
        raise OSError(errno.EROFS, "Read-only file system", str(path))

    monkeypatch.setattr(local_copies.shutil, "rmtree", lambda path, ignore_errors=False: ignore_errors or refuse(path))
    assert served(world.replica()) == (world.built_in_id, 0, True)
    assert any("cannot be removed (Read-only file system)" in record.message for record in caplog.records)


@pytest.mark.slow
def test_copy_that_the_disk_spoilt_is_fetched_again(world):
    bundle_id = world.pushed(1)
    world.activated(bundle_id)
    world.replica("a")
    (world.folder / "cache-a" / bundle_id / "embeddings.npy").write_bytes(b"spoilt")
    assert served(world.replica("a"))[:2] == (bundle_id, 1)


@pytest.mark.slow
def test_store_in_another_place_is_followed_although_another_was_before(world):
    bundle_id = world.pushed(1)
    world.activated(bundle_id)
    world.replica("a")
    copies = LocalCopies(world.folder / "cache-a")
    other = open_store(str(world.folder / "other"))
    loader = BundleLoader(Settings(home=world.folder), world.pipeline)
    started = start(loader, other, copies, world.built_in)
    assert started.loaded.snapshot.bundle_id == world.built_in_id


@pytest.mark.slow
def test_start_follows_what_was_allowed_without_decisions_and_nothing_else_of_the_kind(world):
    one, other = world.pushed(1), world.pushed(2)
    world.activated(one, allow_uncalibrated=True)
    world.activated(other, allow_uncalibrated=False)
    assert served(world.replica()) == (one, 1, True)


def test_bundle_of_the_settings_may_be_absent_while_something_else_is_active(world, caplog):
    bundle_id = world.pushed(1)
    world.activated(bundle_id)
    shutil.rmtree(world.built_in)
    assert served(world.replica()) == (bundle_id, 1, False)
    assert "IDA_BUNDLE" in caplog.text


def test_bundle_of_the_settings_that_is_needed_and_absent_is_one_clear_error(world):
    shutil.rmtree(world.built_in)
    with pytest.raises(BundleInvalid, match="There is no bundle in"):
        world.replica()


def test_start_without_a_bundle_of_the_settings_serves_what_is_active_all_the_same(world):
    bundle_id = world.pushed(1)
    world.activated(bundle_id)
    world.built_in = NO_BUNDLE
    replica = world.replica()
    assert served(replica) == (bundle_id, 1, False)
    assert replica.switch.built_in is None


def test_start_with_cosine_alone_follows_what_another_replica_activates(world):
    world.built_in = NO_BUNDLE
    replica = world.replica()
    assert served(replica) == (None, 0, False)
    bundle_id = world.pushed(1)
    world.activated(bundle_id)
    replica.follower.look()
    assert served(replica) == (bundle_id, 1, False)
    assert replica.registry.current().no_anchor_set is None


def test_bundle_that_is_named_and_was_made_for_another_backbone_is_refused(world):
    small_bundle(world.folder / "other", backbone_id="c" * 16)
    world.built_in = world.folder / "other"
    with pytest.raises(BundleMismatch, match="IDA_BUNDLE=none"):
        world.replica()


def test_bundle_is_shipped_for_the_backbone_it_was_made_for(monkeypatch, tmp_path):
    shipped = tmp_path / "shipped"
    small_bundle(shipped / "default", backbone_id="c" * 16)
    small_bundle(shipped / "second", backbone_id="d" * 16)
    (shipped / "notes").mkdir()
    monkeypatch.setattr(built_in, "DEFAULT_BUNDLE", shipped / "default")
    found = [built_in.built_in_of(shipped / "default", letter * 16).folder for letter in "cde"]
    assert found == [shipped / "default", shipped / "second", None]


NO_LIMIT_OF_CROWDING = PopulationLimits(
    10,
    1.0,
    None,
    {
        "norm": MeasureLimit(limit=1.0, share=0.01, quantiles={}, faces=9),
        "crowding": MeasureLimit(limit=None, share=0.0, quantiles={}, faces=9),
    },
)


@pytest.mark.parametrize(("limits", "is_warned"), [(None, True), (NO_LIMIT_OF_CROWDING, False)])
def test_start_warns_of_decisions_by_scores_alone_and_not_of_a_limit_that_was_left_out(
    world, caplog, limits, is_warned
):
    caplog.set_level("INFO")
    folder = world.folder / "calibrated"
    bundle_id = calibrated(folder, world.built_in, pipeline_id=world.pipeline.pipeline_id, limits=limits)
    world.store.push(folder)
    world.activated(bundle_id)
    world.replica()
    told = [(record.levelname, record.message) for record in caplog.records]
    assert any(level == "WARNING" and "scores alone" in message for level, message in told) is is_warned
    assert any(level == "INFO" and "crowding of photos" in message for level, message in told) is not is_warned
