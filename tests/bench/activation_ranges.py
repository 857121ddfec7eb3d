"""The ranges of a backbone's activations on photographs of faces, as a pack's manifest wants them for 8 bits.

    IDA_HOME=... IDA_PACK=... python tests/bench/activation_ranges.py --photographs FOLDER [--faces 200]
        [--outside 0.01] [--seed 0]

Photographs are drawn from FOLDER and all below it, and taken through the pack's own detector to the crop. The range of
an activation leaves out so many per cent of its values at either end, so that a few extreme ones do not make the steps
between all others coarse. The table goes to the end of `pack.toml`, under a pack name of its own.
"""

import argparse
import contextlib
import json
import sys
import tempfile
from pathlib import Path

import numpy as np

from models.images.image_folder import scan
from service.arrays import Floats32, ImageArray
from service.errors import InputError
from service.inference.onnx_runtime import load_quantization
from service.inference.preprocessing import to_input
from service.pack import load_pack
from service.pipeline import load_pipeline
from service.settings import load_settings

_OPERATORS = ["Add", "BatchNormalization", "Conv", "Gemm", "Mul", "Relu", "Sub"]


def drawn_crops(folder: Path, count: int, seed: int) -> list[ImageArray]:
    """Return aligned crops of so many photographs below a folder, drawn by a seed; those without a face count not."""
    pipeline = load_pipeline(load_settings())
    images = scan(folder).images
    crops = []
    for position in np.random.default_rng(seed).permutation(len(images)):
        try:
            crops.append(pipeline.extract((folder / images[position]).read_bytes(), "most_central").crop)
        except InputError:
            continue
        if len(crops) == count:
            return crops
    raise SystemExit(f"{folder} has {len(crops)} photographs with a face, {count} are asked for")


def ranges_of(network: Path, inputs: Floats32, *, outside: float) -> dict[str, tuple[float, float]]:
    """Return lowest and highest value of each activation, so many per cent of them left out at either end."""
    library = load_quantization()

    class Faces(library.CalibrationDataReader):
        """Inputs of the backbone, one after the other."""

        def __init__(self, name: str) -> None:
            self._left = iter([{name: inputs[row : row + 1]} for row in range(len(inputs))])

        def get_next(self) -> dict[str, Floats32] | None:
            """Return the next input, None after the last."""
            return next(self._left, None)

    with tempfile.TemporaryDirectory() as folder:
        calibrator = library.create_calibrator(
            network,
            _OPERATORS,
            str(Path(folder) / "observed.onnx"),
            library.CalibrationMethod.Percentile,
            extra_options={"percentile": 100 - outside, "num_bins": 2048, "symmetric": False},
        )
        name = calibrator.infer_session.get_inputs()[0].name
        calibrator.collect_data(Faces(name))
        found = calibrator.compute_data()
    return {name: tuple(float(f"{float(end):.4g}") for end in data.range_value) for name, data in found.items()}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photographs", type=Path, required=True)
    parser.add_argument("--faces", type=int, default=200)
    parser.add_argument("--outside", type=float, default=0.01)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    settings = load_settings()
    pack = load_pack(settings.home, settings.pack)
    (part,) = pack.manifest.backbones
    crops = drawn_crops(arguments.photographs, arguments.faces, arguments.seed)
    with contextlib.redirect_stdout(sys.stderr):  # the calibrator tells there how far it is
        found = ranges_of(pack.folder / part.file, to_input(crops, part.preprocessing), outside=arguments.outside)
    print("[backbone.quantization.ranges]")
    for name in sorted(found):
        print(f"{json.dumps(name)} = [{found[name][0]}, {found[name][1]}]")


if __name__ == "__main__":
    main()
