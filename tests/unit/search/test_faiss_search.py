"""The faiss search: its threads, and its device."""

import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import faiss
import numpy as np
import pytest
from search_oracle import assert_is_support_set
from vectors import to_unit

from service.bundle.anchors_part import Anchors
from service.errors import DeviceUnavailable, SearchFailed
from service.search.faiss_search import FaissSearch, engine_version


def test_search_bounds_the_threads_of_the_thread_that_searches(anchor_set, unit_rows):
    search, probes = FaissSearch(anchor_set, threads=1), unit_rows(1, 32)

    def threads_after_search():
        search.search(probes, 1)
        return faiss.omp_get_max_threads()

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(threads_after_search).result() == 1


def test_engine_version_is_that_of_faiss():
    assert engine_version() == faiss.__version__


def test_what_is_found_for_a_face_does_not_depend_on_the_others_of_the_call(unit_rows):
    anchors = Anchors.from_stored(unit_rows(2000, 64), "backbone")
    search, probes = FaissSearch(anchors, threads=2), unit_rows(33, 64)

    together = search.search(probes, 7)

    for row in range(33):
        assert np.array_equal(search.search(probes[row : row + 1], 7).similarities[0], together.similarities[row])


# What follows runs the GPU path on a stand-in for faiss with CUDA: it keeps the index in main memory, in float16.


class StandInResources:
    """Memory and streams of a device."""

    def setTempMemory(self, size):  # noqa: N802  (faiss's name)
        self.scratch = size


class StandInIndex:
    """An index "on the GPU" that notes the threads it is used from, and refuses what a GPU index does."""

    def __init__(self, resources, dimension, config):
        self.resources, self.config = resources, config
        self.index = faiss.IndexScalarQuantizer(dimension, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
        self.threads = {threading.get_ident()}

    def add(self, anchors):
        self.threads.add(threading.get_ident())
        self.index.add(anchors)

    def search(self, queries, k):
        self.threads.add(threading.get_ident())
        if k > 2048:
            raise RuntimeError("k exceeds the limit of 2048")
        return self.index.search(queries, k)


def stand_in(gpus=1, index=StandInIndex):
    """Return a module-like faiss with CUDA, and the list of the indexes that were made on its device."""
    placed = []

    def make(resources, dimension, config):
        placed.append(index(resources, dimension, config))
        return placed[-1]

    module = SimpleNamespace(
        IndexFlatIP=faiss.IndexFlatIP,
        omp_set_num_threads=faiss.omp_set_num_threads,
        StandardGpuResources=StandInResources,
        GpuIndexFlatConfig=SimpleNamespace,
        GpuIndexFlatIP=make,
        get_num_gpus=lambda: gpus,
    )
    return module, placed


def test_search_on_cuda_keeps_half_precision_on_the_first_device_and_is_exact_all_the_same(unit_rows):
    module, placed = stand_in()
    anchors = Anchors.from_stored(unit_rows(3000, 128), "backbone")

    search = FaissSearch(anchors, device="cuda", engine=module)

    assert search.device == "cuda"
    assert [(index.config.device, index.config.useFloat16) for index in placed] == [(0, True)]
    for probes in (unit_rows(1, 128), unit_rows(70, 128)):
        assert_is_support_set(search.search(probes, 10), anchors.embeddings, probes, 10)


def test_search_on_cuda_tells_apart_anchors_that_half_precision_does_not(unit_rows):
    module, _ = stand_in()
    alike = unit_rows(1, 64) + 2e-4 * unit_rows(500, 64)
    anchors = Anchors.from_stored(to_unit(alike), "backbone")
    probes = unit_rows(3, 64)

    found = FaissSearch(anchors, device="cuda", engine=module).search(probes, 20)

    assert_is_support_set(found, anchors.embeddings, probes, 20)


@pytest.mark.slow
@pytest.mark.parametrize("k", [1500, 2048, 2500, 3000])
def test_search_on_cuda_for_more_than_a_gpu_selects_is_exact(unit_rows, k):
    module, _ = stand_in()
    anchors, probes = Anchors.from_stored(unit_rows(3000, 32), "backbone"), unit_rows(2, 32)

    found = FaissSearch(anchors, device="cuda", engine=module).search(probes, k)

    assert_is_support_set(found, anchors.embeddings, probes, k)


def test_each_index_on_cuda_has_resources_of_its_own(anchor_set):
    module, placed = stand_in()

    searches = [FaissSearch(anchor_set, device="cuda", engine=module) for _ in range(2)]

    assert len(searches) == 2
    assert placed[0].resources is not placed[1].resources
    assert all(index.resources.scratch <= 256 * 1024**2 for index in placed)


def test_index_on_cuda_is_made_and_searched_by_one_thread_of_its_own(anchor_set, unit_rows):
    module, placed = stand_in()
    search, probes = FaissSearch(anchor_set, device="cuda", engine=module), unit_rows(8, 32)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda row: search.search(probes[row : row + 1], 3), range(8)))

    assert len(placed[0].threads) == 1
    assert threading.get_ident() not in placed[0].threads


def test_search_on_cuda_without_a_device_is_refused(anchor_set):
    module, placed = stand_in(gpus=0)

    with pytest.raises(DeviceUnavailable, match=r"no CUDA device.*IDA_ANCHOR_DEVICE=cpu"):
        FaissSearch(anchor_set, device="cuda", engine=module)
    assert placed == []


def test_search_on_cuda_with_faiss_for_cpus_is_refused(anchor_set):
    module = SimpleNamespace(IndexFlatIP=faiss.IndexFlatIP, get_num_gpus=lambda: 0)

    with pytest.raises(DeviceUnavailable, match=r"lacks.*\[gpu\]"):
        FaissSearch(anchor_set, device="cuda", engine=module)


def test_search_on_cuda_without_room_for_the_index_is_refused(anchor_set):
    def out_of_memory(resources, dimension, config):
        raise RuntimeError("StandardGpuResources: alloc fail")

    module, _ = stand_in(index=out_of_memory)

    with pytest.raises(DeviceUnavailable, match="alloc fail"):
        FaissSearch(anchor_set, device="cuda", engine=module)


def test_search_that_faiss_fails_is_an_error_of_ours(anchor_set, unit_rows):
    class FailingIndex(StandInIndex):
        def search(self, queries, k):
            raise RuntimeError("CUDA error 700")

    module, _ = stand_in(index=FailingIndex)
    search = FaissSearch(anchor_set, device="cuda", engine=module)

    with pytest.raises(SearchFailed, match="CUDA error 700"):
        search.search(unit_rows(1, 32), 3)


@pytest.mark.gpu
def test_search_on_a_real_cuda_device_agrees_with_numpy(unit_rows):
    if not hasattr(faiss, "StandardGpuResources"):
        pytest.skip("this faiss has no CUDA support (install the extra [gpu])")
    if faiss.get_num_gpus() < 1:
        pytest.skip("faiss finds no CUDA device")
    anchors = Anchors.from_stored(unit_rows(5000, 512), "backbone")
    search, probes = FaissSearch(anchors, device="cuda"), unit_rows(64, 512)

    for rows in (probes[:1], probes[:2], probes):
        assert_is_support_set(search.search(rows, 10), anchors.embeddings, rows, 10)
