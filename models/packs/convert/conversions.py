"""How a network is made from a published file that cannot be served as it is; each way once, by its name in packs."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

import onnx

from models.packs.convert.dequantize import dequantize
from models.packs.convert.onet import convert_onet
from models.packs.convert.opencv_run import opencv_run
from service.inference.runs import RunGraph
from service.pack import PackFile

Conversion = Callable[[Path, PackFile], RunGraph | None]
"""Writes the network in the place of the published file.

It returns another engine's run of the published file, which the network is compared with; None where no engine reads
that file. Raises PackInvalid if the file is not what the conversion reads.
"""


def _from_onet(path: Path, _: PackFile) -> None:
    path.write_bytes(convert_onet(path))


def _from_blocks_of_8_bits(path: Path, part: PackFile) -> RunGraph:
    published = path.with_name(f"published-{path.name}")
    content = dequantize(path, part.preprocessing)
    path.rename(published)
    path.write_bytes(content)
    graph = onnx.load_from_string(content).graph
    return opencv_run(published, input_name=graph.input[0].name, output_names=[output.name for output in graph.output])


CONVERSIONS: Mapping[str, Conversion] = MappingProxyType(
    {"mtcnn-onet": _from_onet, "dequantize": _from_blocks_of_8_bits}
)
