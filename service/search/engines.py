"""Which engine searches an anchor set; measured by ``tests/bench/search_speed.py``."""

from service.bundle.anchors_part import Anchors
from service.choices import Device
from service.search.faiss_search import FaissSearch
from service.search.int8_search import Int8Search
from service.search.search import Search

# Below this a pair of faces is found by faiss's flat index in the same time, and nothing has to be rounded.
_LEAST_ROUNDED = 4096


def open_search(anchors: Anchors, *, device: Device = "cpu", threads: int = 1) -> Search:
    """Index an anchor set with the exact engine that is fastest for its size and place.

    Args:
        anchors: what is searched.
        device: where the index lies; on cuda it is faiss's flat one.
        threads: CPU threads of one search, 1 or more.

    Raises:
        DeviceUnavailable: if the device is not there.
        SearchFailed: if the engine cannot index the anchors.
    """
    if device == "cpu" and len(anchors) >= _LEAST_ROUNDED:
        return Int8Search(anchors, threads=threads)
    return FaissSearch(anchors, device=device, threads=threads)
