"""Waiting until every replica serves what was activated."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from models.remote.client import AdminClient
from models.tool_errors import ActivationIncomplete, AdminUnreachable

_POLL_SECONDS = 0.5
# These heal by themselves, so they are waited for; what else a replica reports will not change.
_PASSING = ("store_unavailable",)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the replicas are.

    Attributes:
        following: names of those that serve the generation, or a newer one.
        waiting: names of those that do not yet.
    """

    following: tuple[str, ...]
    waiting: tuple[str, ...]


def wait_for_replicas(
    client: AdminClient,
    generation: int,
    *,
    timeout: float,
    progress: Callable[[Progress], object] = lambda _: None,
    sleep: Callable[[float], object] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Progress:
    """Return once every replica that is alive serves a generation, or a newer one.

    Args:
        client: of the admin API.
        generation: what they should serve.
        timeout: seconds to wait.
        progress: told after every look.
        sleep: waits between two looks.
        clock: seconds that never go back.

    Raises:
        ActivationIncomplete: naming each replica that cannot load it, or does not serve it in time, and why.
        AdminUnreachable: if the service cannot be asked until the time is over.
    """
    until = clock() + timeout
    while True:
        try:
            alive = [replica for replica in client.replicas()["replicas"] if replica["alive"]]
        except AdminUnreachable:
            # The store may be away for a moment, or the replica that was asked restart.
            if clock() >= until:
                raise
            sleep(_POLL_SECONDS)
            continue
        behind = [replica for replica in alive if replica["generation"] < generation]
        failed = [replica for replica in behind if _has_failed(replica, generation)]
        found = Progress(
            tuple(replica["replica"] for replica in alive if replica["generation"] >= generation),
            tuple(replica["replica"] for replica in behind),
        )
        progress(found)
        if failed:
            raise ActivationIncomplete(
                f"Generation {generation} is active, and cannot be served by "
                f"{'; '.join(_said(replica) for replica in failed)}. They go on with what they had. Mend the cause, or "
                "go back with `ida-verify anchors rollback`."
            )
        if alive and not behind:
            return found
        if clock() >= until:
            named = "; ".join(_said(replica) for replica in behind) or "any replica: none has reported"
            raise ActivationIncomplete(
                f"Generation {generation} is active, and after {timeout:g} s not served by {named}. Look at "
                "`ida-verify anchors status`."
            )
        sleep(_POLL_SECONDS)


def _has_failed(replica: dict[str, Any], generation: int) -> bool:
    return (replica["failed_generation"] or 0) >= generation and replica["error_code"] not in _PASSING


def _said(replica: dict[str, Any]) -> str:
    reason = f" ({replica['error']})" if replica["error"] else ""
    return f"{replica['replica']}, which serves generation {replica['generation']}{reason}"
