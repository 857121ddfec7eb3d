"""How the stages of reading a photograph are timed by whoever wants to know."""

from contextlib import AbstractContextManager, nullcontext
from typing import Protocol


class StageTimer(Protocol):
    """Times a stage: the context it returns is entered when the stage starts and left when it ends or fails."""

    def __call__(self, name: str, /) -> AbstractContextManager[None]:
        """Return the context for the stage of this name: ``decode``, ``detect``, ``align`` or ``liveness``."""
        ...


def untimed(_: str, /) -> AbstractContextManager[None]:
    """Time nothing."""
    return nullcontext()
