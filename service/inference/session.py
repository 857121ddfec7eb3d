"""One ONNX Runtime session: created on the device that was asked for or not at all, errors mapped at the border."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from service.errors import DeviceUnavailable, InferenceFailed, PackInvalid
from service.settings import Device

FloatArray = NDArray[np.float32]

_PROVIDERS: dict[Device, str] = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}


class OnnxSession:
    """A network with one float32 input, ready to run.

    Safe to call from several threads at once, as ONNX Runtime sessions are.
    """

    def __init__(self, path: Path, *, device: Device, threads: int) -> None:
        """Load a network.

        Args:
            path: the ONNX file.
            device: where it runs.
            threads: threads of one run, 1 or more.

        Raises:
            DeviceUnavailable: if ONNX Runtime does not offer the device, or takes another one.
            PackInvalid: if the file is no network that ONNX Runtime can load.
        """
        provider = _PROVIDERS[device]
        if provider not in ort.get_available_providers():
            raise DeviceUnavailable(
                f"IDA_DEVICE={device} needs ONNX Runtime's {provider}, which this installation does not have "
                f"(it has {', '.join(ort.get_available_providers())}). Install the extra [gpu], or set IDA_DEVICE=cpu."
            )
        if device == "cuda":
            # The CUDA libraries are Python packages, in folders where the loader does not look.
            ort.preload_dlls()
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # An idle spinning pool burns the CPU time that other requests need.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        try:
            self._session = ort.InferenceSession(str(path), options, providers=[provider])
        except Exception as error:  # ONNX Runtime's exceptions share no base class but Exception
            raise PackInvalid(f"ONNX Runtime cannot load {path.name}: {error}") from error
        if self._session.get_providers()[0] != provider:
            raise DeviceUnavailable(
                f"ONNX Runtime did not take {provider} for {path.name} but {self._session.get_providers()[0]}: "
                "check the driver and the CUDA libraries, or set IDA_DEVICE=cpu."
            )
        self.provider = provider
        self._input = self._session.get_inputs()[0].name

    @property
    def output_names(self) -> list[str]:
        """Names of the outputs, in the order in which ``run`` returns them."""
        return [output.name for output in self._session.get_outputs()]

    def run(self, inputs: FloatArray) -> Sequence[FloatArray]:
        """Run the network on one batch.

        Args:
            inputs: (n, ...) float32, as the network's own input says.

        Returns:
            Every output, in the graph's order, each with the leading axis n.

        Raises:
            InferenceFailed: if ONNX Runtime fails.
        """
        try:
            outputs: Sequence[FloatArray] = self._session.run(None, {self._input: inputs})
        except Exception as error:  # ONNX Runtime's exceptions share no base class but Exception
            raise InferenceFailed(f"ONNX Runtime failed on an input of shape {inputs.shape}: {error}") from error
        return outputs


def engine_version() -> str:
    """Return the version of ONNX Runtime."""
    return str(ort.__version__)
