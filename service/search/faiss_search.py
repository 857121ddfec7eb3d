"""Exact search in faiss, on the CPU or on a CUDA device; the only module that imports faiss."""

from concurrent.futures import ThreadPoolExecutor
from types import ModuleType
from typing import Any

import faiss
import numpy as np

from service.arrays import Floats32, Ints
from service.bundle.anchors_part import Anchors
from service.choices import Device
from service.errors import DeviceUnavailable, SearchFailed
from service.search.exact import candidates_for, support_sets
from service.search.search import SupportSets, check_query

# Twice how far a similarity of half-precision vectors is off at most: rounding to 11 bits moves each of the two unit
# vectors by 2**-11.
_HALF_ERROR = 2.0**-9
# faiss selects no more on a GPU.
_MOST_ON_GPU = 2048
# By default faiss takes 1.5 GiB of the device for each index, and a swap holds two.
_SCRATCH_BYTES = 256 * 1024**2


class FaissSearch:
    """A flat inner-product index of one anchor set, on the device that was asked for or not at all.

    Safe to call from several threads. What it finds for a face does not depend on the other faces of the call.
    """

    def __init__(
        self, anchors: Anchors, *, device: Device = "cpu", threads: int = 1, engine: ModuleType = faiss
    ) -> None:
        """Build the index: float32 on the CPU, float16 on a GPU, whose candidates are compared exactly on the CPU.

        Args:
            anchors: what is searched.
            device: where the index lies.
            threads: CPU threads of one search, 1 or more.
            engine: the faiss module.

        Raises:
            DeviceUnavailable: if faiss has no CUDA support, finds no CUDA device, or cannot place the index there.
        """
        self._engine = engine
        self._threads = threads
        self._device: Device = device
        self._anchors = anchors.embeddings
        self._count, self._dimension = self._anchors.shape
        self._gpu: ThreadPoolExecutor | None = None
        if device == "cuda":
            _require_cuda(engine)
            # A GPU index must not be used from two threads at once, not even to read.
            self._gpu = ThreadPoolExecutor(1, thread_name_prefix="faiss-gpu")
            # The index borrows the resources' memory and streams, so they must live as long as it does.
            self._resources, self._index = self._gpu.submit(_on_gpu, engine, self._anchors).result()
        else:
            self._index = engine.IndexFlatIP(self._dimension)
            self._index.add(self._anchors)

    @property
    def device(self) -> Device:
        """Where the index lies."""
        return self._device

    def search(self, embeddings: Floats32, k: int) -> SupportSets:
        """Return the support sets of embeddings; see ``Search.search``."""
        check_query(embeddings, k, count=self._count, dimension=self._dimension)
        queries = np.ascontiguousarray(embeddings, dtype=np.float32)
        found, left_out = (self._of_cpu if self._gpu is None else self._of_gpu)(queries, k)
        return support_sets(self._anchors, queries, found, k, left_out)

    def _of_cpu(self, queries: Floats32, k: int) -> tuple[Ints, Floats32 | float]:
        # OpenMP keeps this number per calling thread: set elsewhere, it would not bound this search.
        self._engine.omp_set_num_threads(self._threads)
        _, rows = self._found(queries, k)
        return rows, -np.inf

    def _of_gpu(self, queries: Floats32, k: int) -> tuple[Ints, Floats32 | float]:
        count = min(candidates_for(k, self._count), _MOST_ON_GPU)
        if count < k:
            # Every face is then compared with every anchor.
            return np.zeros((len(queries), k), np.int64), np.inf
        assert self._gpu is not None  # noqa: S101  (device is cuda)
        similarities, rows = self._gpu.submit(self._found, queries, count).result()
        if count == self._count:
            return rows, -np.inf
        return rows, similarities[:, -1] + np.float32(_HALF_ERROR)

    def _found(self, queries: Floats32, count: int) -> tuple[Floats32, Ints]:
        try:
            similarities, rows = self._index.search(queries, count)
        except RuntimeError as error:
            raise SearchFailed(
                f"faiss failed to find {count} anchors for {len(queries)} faces on {self._device}: {error}"
            ) from error
        return similarities, rows


def engine_version() -> str:
    """Return the version of faiss."""
    return str(faiss.__version__)


def _require_cuda(engine: ModuleType) -> None:
    remedy = "Install the extra [gpu] on a machine with a CUDA device, or set IDA_ANCHOR_DEVICE=cpu."
    if not hasattr(engine, "StandardGpuResources"):
        raise DeviceUnavailable(f"IDA_ANCHOR_DEVICE=cuda needs faiss with CUDA support, which this one lacks. {remedy}")
    if engine.get_num_gpus() < 1:
        raise DeviceUnavailable(f"IDA_ANCHOR_DEVICE=cuda: faiss finds no CUDA device. {remedy}")


def _on_gpu(engine: ModuleType, anchors: Floats32) -> tuple[Any, Any]:
    """Return resources of its own and the index of half-precision anchors on the first device."""
    try:
        resources = engine.StandardGpuResources()
        resources.setTempMemory(_SCRATCH_BYTES)
        config = engine.GpuIndexFlatConfig()
        config.device, config.useFloat16 = 0, True
        index = engine.GpuIndexFlatIP(resources, anchors.shape[1], config)
        index.add(anchors)
    except RuntimeError as error:
        raise DeviceUnavailable(
            f"IDA_ANCHOR_DEVICE=cuda: faiss cannot place the anchors on the device: {error}. "
            "Free its memory, check the driver, or set IDA_ANCHOR_DEVICE=cpu."
        ) from error
    return resources, index
