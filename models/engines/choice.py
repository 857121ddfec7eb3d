"""The choice of an engine, and the engine that is chosen, open while it is used."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from models.engines.engine import Engine, LocalEngine
from models.engines.ray_engine import RayEngine
from service.cpus import usable_cpus
from service.pipeline import FacePipeline
from service.settings import Settings

EngineName = Literal["local", "ray"]


@dataclass(frozen=True, slots=True)
class EngineChoice:
    """Where pictures are embedded.

    Attributes:
        name: ``local`` or ``ray``.
        address: of Ray's cluster; empty for one on this machine.
        workers: of Ray; 0 for as many as this machine has CPUs.
    """

    name: EngineName = "local"
    address: str = ""
    workers: int = 0

    @contextmanager
    def opened(self, settings: Settings, pipeline: FacePipeline | None) -> Iterator[Engine | None]:
        """Give the engine while the block runs; None without a pipeline, where nothing is embedded.

        Raises:
            ExtraMissing: if it is not installed.
        """
        if pipeline is None:
            yield None
        elif self.name == "local":
            yield LocalEngine(pipeline)
        else:
            workers = self.workers or usable_cpus()
            with RayEngine(settings, pipeline, workers=workers, address=self.address) as engine:
                yield engine
