"""Exact search in faiss, on the CPU or on a CUDA device; the only module that imports faiss."""

import threading
from contextlib import nullcontext
from types import ModuleType
from typing import Any

import faiss
import numpy as np

from service.anchors.anchor_set import AnchorSet
from service.anchors.search import FloatArray, SupportSets, check_query
from service.errors import DeviceUnavailable, SearchFailed
from service.settings import Device


class FaissSearch:
    """A flat inner-product index of one anchor set, on the device that was asked for or not at all.

    Safe to call from several threads.
    """

    def __init__(
        self, anchors: AnchorSet, *, device: Device = "cpu", threads: int = 1, engine: ModuleType = faiss
    ) -> None:
        """Build the index.

        Args:
            anchors: what is searched.
            device: where the index lies.
            threads: CPU threads of one search, 1 or more.
            engine: the faiss module.

        Raises:
            DeviceUnavailable: if faiss has no CUDA support, finds no CUDA device, or cannot place the index there.
        """
        if device == "cuda":
            _require_cuda(engine)
        self._engine = engine
        self._threads = threads
        self._device: Device = device
        self._count, self._dimension = anchors.embeddings.shape
        # A GPU index must not be searched from two threads at once, not even read-only; a CPU index may.
        self._turn: threading.Lock | nullcontext[None] = threading.Lock() if device == "cuda" else nullcontext()
        index = engine.IndexFlatIP(self._dimension)
        index.add(anchors.embeddings)
        if device == "cuda":
            # The index borrows the resources' memory and streams, so they must live as long as it does.
            self._resources, index = _to_cuda(engine, index)
        self._index = index

    @property
    def device(self) -> Device:
        """Where the index lies."""
        return self._device

    def search(self, embeddings: FloatArray, k: int) -> SupportSets:
        """Return the support sets of embeddings; see ``Search.search``."""
        check_query(embeddings, k, count=self._count, dimension=self._dimension)
        queries = np.ascontiguousarray(embeddings, dtype=np.float32)
        try:
            with self._turn:
                # OpenMP keeps this number per calling thread: set elsewhere, it would not bound this search.
                self._engine.omp_set_num_threads(self._threads)
                similarities, rows = self._index.search(queries, k)
        except RuntimeError as error:
            raise SearchFailed(
                f"faiss failed to find {k} anchors for {len(queries)} faces on {self._device}: {error}"
            ) from error
        # Unit norm holds only to rounding, so an inner product may leave the range by as little.
        return SupportSets(np.clip(similarities, -1.0, 1.0), rows)


def engine_version() -> str:
    """Return the version of faiss."""
    return str(faiss.__version__)


def _require_cuda(engine: ModuleType) -> None:
    remedy = "Install the extra [gpu] on a machine with a CUDA device, or set IDA_ANCHOR_DEVICE=cpu."
    if not hasattr(engine, "StandardGpuResources"):
        raise DeviceUnavailable(f"IDA_ANCHOR_DEVICE=cuda needs faiss with CUDA support, which this one lacks. {remedy}")
    if engine.get_num_gpus() < 1:
        raise DeviceUnavailable(f"IDA_ANCHOR_DEVICE=cuda: faiss finds no CUDA device. {remedy}")


def _to_cuda(engine: ModuleType, index: Any) -> tuple[Any, Any]:
    try:
        resources = engine.StandardGpuResources()
        return resources, engine.index_cpu_to_gpu(resources, 0, index)
    except RuntimeError as error:
        raise DeviceUnavailable(
            f"IDA_ANCHOR_DEVICE=cuda: faiss cannot place the anchors on the device: {error}. "
            "Free its memory, check the driver, or set IDA_ANCHOR_DEVICE=cpu."
        ) from error
