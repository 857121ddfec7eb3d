"""How many CPUs this process may use, the container's quota included, and who may use them."""

import ctypes
import math
import os
from pathlib import Path

import cv2
import threadpoolctl

# glibc's malloc.h
_M_ARENA_MAX = -8
_ARENAS = 2
_CGROUP_V2_QUOTA = Path("/sys/fs/cgroup/cpu.max")


def usable_cpus(quota_file: Path = _CGROUP_V2_QUOTA) -> int:
    """Return the number of CPUs this process may use, at least 1.

    That is the smaller of its affinity mask and its cgroup's quota, rounded up: libraries that size their thread
    pools by the host's cores oversubscribe a container.
    """
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = quota_file.read_text().split()
        limit = math.ceil(int(quota) / int(period))
    except (OSError, ValueError):  # no cgroup v2, or no quota ("max")
        return affinity
    return max(1, min(affinity, limit))


def keep_libraries_to_one_thread() -> None:
    """Have OpenCV and BLAS compute in the thread that calls them, for the whole process.

    A service runs as many requests at a time as it has CPUs; pools of their own would only take these from each other.
    """
    cv2.setNumThreads(1)
    threadpoolctl.threadpool_limits(1, user_api="blas")


def share_allocator_arenas() -> None:
    """Have all threads allocate from two of glibc's arenas; elsewhere, do nothing.

    By default there are eight for each CPU, and each keeps the largest pictures that its threads ever held.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # no glibc
        return
    mallopt(_M_ARENA_MAX, _ARENAS)
