"""Embedding by the workers of a Ray cluster: blocks travel, each worker has the models, and results come in order."""

import logging
import os
import pickle
from collections.abc import Iterable, Iterator
from importlib import import_module
from types import TracebackType
from typing import Any, Self

from models.engines.engine import AnyBlock, AnyResult, Done, Work, unheard
from models.tool_errors import ExtraMissing
from service.errors import IdaError, PackInvalid
from service.pipeline import FacePipeline, load_pipeline
from service.settings import Settings

# A worker that dies is started again and its block with it, this often before the build is given up.
_RETRIES = 20


class RayEngine:
    """Runs work by Ray Data. For one thread; leave its context to end a cluster that it started.

    Every worker must have the model pack in the same data folder, and read pictures by the same paths.
    """

    def __init__(self, settings: Settings, pipeline: FacePipeline, *, workers: int, address: str = "") -> None:
        """Connect to a cluster, or start one on this machine.

        Args:
            settings: the service's; every worker loads its pipeline by them.
            pipeline: the one that is used here, which every worker's must equal.
            workers: how many there are, each with one CPU.
            address: of the cluster, such as ``ray://host:10001`` or ``auto``; empty for one on this machine.

        Raises:
            ExtraMissing: if Ray is not installed.
        """
        # Before it is imported: it reads them then. It would send statistics, and draw over the terminal.
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        os.environ.setdefault("RAY_DATA_DISABLE_PROGRESS_BARS", "1")
        try:
            self._ray = import_module("ray")
            self._data = import_module("ray.data")
        except ImportError as error:
            raise ExtraMissing("--engine ray needs Ray: install the extra [ray].") from error
        self._workers = workers
        self._given = {"settings": settings, "pipeline_id": pipeline.pipeline_id, "threads": pipeline.threads}
        if address:
            self._ray.init(address=address, log_to_driver=False)
        else:
            self._ray.init(num_cpus=workers, include_dashboard=False, log_to_driver=False, logging_level="ERROR")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ray.shutdown()

    def map(
        self, work: Work[AnyBlock, AnyResult], blocks: Iterable[AnyBlock], done: Done = unheard
    ) -> Iterator[AnyResult]:
        """Yield the result of every block; see ``Engine.map``. Items are done when their block is."""
        del done  # the caller sees the block's result as soon as it is here
        rows = [{"job": pickle.dumps((work, block))} for block in blocks]
        if not rows:
            return
        context = self._data.DataContext.get_current()
        context.enable_progress_bars = False
        logging.getLogger("ray.data").setLevel(logging.WARNING)
        context.execution_options.preserve_order = True
        # An item to a block of Ray's, so that a dead worker costs no more than what it was at.
        dataset = self._data.from_items(rows, override_num_blocks=len(rows)).map(
            _Worker,
            fn_constructor_kwargs=self._given,
            compute=self._data.ActorPoolStrategy(size=self._workers),
            num_cpus=1,
            max_restarts=_RETRIES,
            max_task_retries=_RETRIES,
        )
        for row in dataset.iter_rows():
            result = pickle.loads(row["result"])  # noqa: S301  (of our own workers)
            if isinstance(result, IdaError):
                raise result
            yield result


class _Worker:
    """One process of the cluster, its models loaded once."""

    def __init__(self, settings: Settings, pipeline_id: str, threads: int) -> None:
        self._pipeline: FacePipeline | None = None
        self._failure: IdaError | None = None
        try:
            pipeline = load_pipeline(settings, threads=threads)
            if pipeline.pipeline_id != pipeline_id:
                raise PackInvalid(
                    f"A worker has the pipeline {pipeline.pipeline_id}, and {pipeline_id} is used here. Install the "
                    "same model pack on every machine of the cluster."
                )
            self._pipeline = pipeline
        except IdaError as error:
            self._failure = error

    def __call__(self, row: dict[str, Any]) -> dict[str, bytes]:
        """Do the work on one block; a foreseen failure is a result, and raised where the results are read."""
        work, block = pickle.loads(row["job"])  # noqa: S301  (of our own driver)
        try:
            result = self._failure if self._pipeline is None else work(self._pipeline, block, unheard)
        except IdaError as error:
            result = error
        return {"result": pickle.dumps(result)}
