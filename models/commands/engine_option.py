"""Options that choose where pictures are embedded."""

from typing import Annotated

import typer

from models.engines.choice import EngineName

EngineOption = Annotated[EngineName, typer.Option("--engine", help="Where pictures are embedded: here, or by Ray.")]
RayAddress = Annotated[
    str, typer.Option("--ray-address", help="Cluster of --engine ray; one on this machine if absent.")
]
RayWorkers = Annotated[
    int, typer.Option("--ray-workers", min=0, help="Workers of --engine ray; as many as this machine's CPUs if 0.")
]
