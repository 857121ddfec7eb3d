"""The faiss search: its threads, and its device."""

import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import faiss
import pytest
from search_oracle import assert_is_support_set

from service.anchors.anchor_set import AnchorSet
from service.anchors.faiss_search import FaissSearch, engine_version
from service.errors import DeviceUnavailable, SearchFailed


def test_search_bounds_the_threads_of_the_thread_that_searches(anchor_set, unit_rows):
    search, probes = FaissSearch(anchor_set, threads=1), unit_rows(1, 32)

    def threads_after_search():
        search.search(probes, 1)
        return faiss.omp_get_max_threads()

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(threads_after_search).result() == 1


def test_engine_version_is_that_of_faiss():
    assert engine_version() == faiss.__version__


# What follows runs the GPU path on a stand-in for faiss with CUDA: it keeps the index in main memory.


class StandInIndex:
    """An index "on the GPU" that notices two searches at once."""

    def __init__(self, index):
        self.index = index
        self.meeting = threading.Barrier(2)
        self.searched_at_once = False

    def search(self, queries, k):
        try:
            self.meeting.wait(timeout=0.3)
            self.searched_at_once = True
        except threading.BrokenBarrierError:
            pass  # nobody else came: the searches took turns
        return self.index.search(queries, k)


def stand_in(gpus=1, place=None):
    """Return a module-like faiss with CUDA, and the list of what was placed on its device."""
    placed = []

    def index_cpu_to_gpu(resources, device, index):
        placed.append((resources, device, StandInIndex(index)))
        return placed[-1][2]

    module = SimpleNamespace(
        IndexFlatIP=faiss.IndexFlatIP,
        omp_set_num_threads=faiss.omp_set_num_threads,
        StandardGpuResources=lambda: "resources",
        get_num_gpus=lambda: gpus,
        index_cpu_to_gpu=place or index_cpu_to_gpu,
    )
    return module, placed


def test_search_on_cuda_places_the_index_on_the_first_device(anchor_set, unit_rows):
    module, placed = stand_in()

    search = FaissSearch(anchor_set, device="cuda", engine=module)

    probes = unit_rows(4, 32)
    assert search.device == "cuda"
    assert [(resources, device) for resources, device, _ in placed] == [("resources", 0)]
    assert_is_support_set(search.search(probes, 5), anchor_set.embeddings, probes, 5)


def test_search_on_cuda_from_two_threads_takes_turns(anchor_set, unit_rows):
    module, placed = stand_in()
    search, probes = FaissSearch(anchor_set, device="cuda", engine=module), unit_rows(1, 32)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: search.search(probes, 3), range(2)))

    assert not placed[0][2].searched_at_once


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
    def out_of_memory(resources, device, index):
        raise RuntimeError("StandardGpuResources: alloc fail")

    module, _ = stand_in(place=out_of_memory)

    with pytest.raises(DeviceUnavailable, match="alloc fail"):
        FaissSearch(anchor_set, device="cuda", engine=module)


def test_search_that_faiss_fails_is_an_error_of_ours(anchor_set, unit_rows):
    class FailingIndex:
        def search(self, queries, k):
            raise RuntimeError("CUDA error 700")

    module, _ = stand_in(place=lambda resources, device, index: FailingIndex())
    search = FaissSearch(anchor_set, device="cuda", engine=module)

    with pytest.raises(SearchFailed, match="CUDA error 700"):
        search.search(unit_rows(1, 32), 3)


@pytest.mark.gpu
def test_search_on_a_real_cuda_device_agrees_with_numpy(unit_rows):
    if not hasattr(faiss, "StandardGpuResources"):
        pytest.skip("this faiss has no CUDA support (install the extra [gpu])")
    if faiss.get_num_gpus() < 1:
        pytest.skip("faiss finds no CUDA device")
    anchors = AnchorSet.from_stored(unit_rows(5000, 512), "backbone")
    search, probes = FaissSearch(anchors, device="cuda"), unit_rows(64, 512)

    for rows in (probes[:1], probes[:2], probes):
        assert_is_support_set(search.search(rows, 10), anchors.embeddings, rows, 10)
