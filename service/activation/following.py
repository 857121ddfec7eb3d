"""How a replica stands to the store that it follows."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Failure:
    """An activation that could not be followed.

    Attributes:
        generation: which.
        bundle_id: its bundle; None where the record cannot be read.
        code: the failure's code.
        message: what was wrong and what to do.
        attempts: how often it was tried.
    """

    generation: int
    bundle_id: str | None
    code: str
    message: str
    attempts: int = 1


@dataclass(frozen=True, slots=True)
class Following:
    """How a replica stands to the store.

    Attributes:
        newest_generation: the newest that it saw.
        is_reachable: whether the store could be read at the last look.
        since: since when that is so.
        store_id: the store's id; None while it has none.
        store_error: why the store could not be read; None where it could.
        failure: the activation that could not be followed; None where there is none.
    """

    newest_generation: int
    is_reachable: bool
    since: datetime
    store_id: str | None = None
    store_error: str | None = None
    failure: Failure | None = None
