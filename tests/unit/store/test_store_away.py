"""A store that is nowhere is not an empty one, and what killed writers left is cleared away."""

import os
import time

import pytest
from small_bundles import small_bundle

from service.errors import StoreUnavailable
from service.store.bundle_store import open_store
from service.store.records import Activation


def test_folder_that_must_be_there_and_is_not_is_no_empty_store(tmp_path):
    small_bundle(tmp_path / "bundle")
    store = open_store(str(tmp_path / "nowhere"), is_made=False)
    for use in (
        store.store_id,
        store.bundle_ids,
        store.newest_generation,
        lambda: store.push(tmp_path / "bundle"),
        lambda: store.append(Activation(generation=1, bundle_id="0" * 16, who="a", previous=None)),
    ):
        with pytest.raises(StoreUnavailable, match="is not there: no such folder"):
            use()
    assert not (tmp_path / "nowhere").exists()


def test_folder_that_is_there_and_empty_is_an_empty_store(tmp_path):
    (tmp_path / "store").mkdir()
    store = open_store(str(tmp_path / "store"), is_made=False)
    assert (store.store_id(), store.newest_generation()) == (None, 0)


@pytest.fixture
def s3(monkeypatch):
    server = pytest.importorskip("moto.server").ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in {
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT": f"http://{host}:{port}",
    }.items():
        monkeypatch.setenv(name, value)
    yield
    server.stop()


@pytest.mark.slow
def test_damaged_object_is_put_right(s3, tmp_path):
    boto3 = pytest.importorskip("boto3")
    bucket = boto3.client("s3", endpoint_url=os.environ["AWS_ENDPOINT"])
    bucket.create_bucket(Bucket="bucket")
    bundle_id = small_bundle(tmp_path / "bundle")
    store = open_store("s3://bucket/prefix")
    store.push(tmp_path / "bundle")
    assert store.damage(bundle_id) == ()
    size = (tmp_path / "bundle" / "embeddings.npy").stat().st_size
    bucket.put_object(Bucket="bucket", Key=f"prefix/bundles/{bundle_id}/embeddings.npy", Body=b"?" * size)
    bucket.delete_object(Bucket="bucket", Key=f"prefix/bundles/{bundle_id}/golden_crop.npy")

    assert {*store.damage(bundle_id)} == {"embeddings.npy", "golden_crop.npy"}
    assert {*store.mend(tmp_path / "bundle")} == {"embeddings.npy", "golden_crop.npy"}
    store.fetch(bundle_id, tmp_path / "copy")


@pytest.mark.slow
def test_bucket_that_is_not_there_is_no_empty_store(s3):
    with pytest.raises(StoreUnavailable, match="no such bucket"):
        open_store("s3://nowhere/prefix").store_id()


def test_documents_of_a_store_are_bounded(tmp_path):
    store = open_store(str(tmp_path / "store"))
    store.append(Activation(generation=1, bundle_id="0" * 16, who="a", previous=None))
    (tmp_path / "store" / "activations" / "1.json").write_bytes(b" " * 10_000_000)
    assert store.activations() == ()
    (tmp_path / "store" / "bundles" / ("1" * 16)).mkdir(parents=True)
    (tmp_path / "store" / "bundles" / ("1" * 16) / "signature.json").write_bytes(b" " * 10_000_000)
    assert store.signature("1" * 16) is None


def test_files_of_writers_that_were_killed_are_removed_and_no_others(tmp_path):
    small_bundle(tmp_path / "bundle")
    store = open_store(str(tmp_path / "store"))
    store.push(tmp_path / "bundle")
    (bundle,) = (tmp_path / "store" / "bundles").iterdir()
    old, fresh = bundle / "embeddings.npy#1", bundle / "ssr.onnx#12"
    old.write_bytes(b"half")
    fresh.write_bytes(b"half")
    whole = {path: path.read_bytes() for path in bundle.iterdir() if "#" not in path.name}
    for path in (old, *whole):
        os.utime(path, (time.time() - 7200,) * 2)
    assert store.sweep() == 1
    assert (old.exists(), fresh.exists()) == (False, True)
    assert {path: path.read_bytes() for path in whole} == whole
    assert open_store(str(tmp_path / "nowhere")).sweep() == 0
