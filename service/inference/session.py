"""One ONNX Runtime session: created on the device that was asked for or not at all, errors mapped at the border."""

from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from service.arrays import Floats32
from service.errors import DeviceUnavailable, InferenceFailed, PackInvalid
from service.inference.onnx_runtime import ort
from service.inference.providers import Placement


class OnnxSession:
    """A network with one float32 input, ready to run.

    Safe to call from several threads at once, as ONNX Runtime sessions are.
    """

    def __init__(
        self, path: Path, placement: Placement, *, content: bytes | None = None, engine: ModuleType = ort
    ) -> None:
        """Load a network.

        Args:
            path: the ONNX file.
            placement: where it runs.
            content: bytes that are loaded in place of the file's; None for the file.
            engine: the onnxruntime module.

        Raises:
            DeviceUnavailable: if ONNX Runtime does not offer the device, or takes another one.
            PackInvalid: if the file is no network that ONNX Runtime can load.
        """
        placement.require(engine)
        options = engine.SessionOptions()
        options.intra_op_num_threads = placement.threads
        options.inter_op_num_threads = 1
        # An idle spinning pool burns the CPU time that other requests need.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        try:
            given = str(path) if content is None else content
            self._session = engine.InferenceSession(given, options, providers=placement.providers())
        except Exception as error:  # ONNX Runtime's exceptions share no base class but Exception
            raise PackInvalid(f"ONNX Runtime cannot load {path.name}: {error}") from error
        taken = self._session.get_providers()[0]
        if taken != placement.provider:
            raise DeviceUnavailable(
                f"ONNX Runtime did not take {placement.provider} for {path.name} but {taken}: check the driver and the "
                "CUDA libraries, or set IDA_DEVICE=cpu."
            )
        self.provider = placement.provider
        self.placement = placement
        self.engine = engine
        self._input = self._session.get_inputs()[0].name

    @property
    def input_name(self) -> str:
        """Name of the input."""
        return str(self._input)

    @property
    def output_names(self) -> list[str]:
        """Names of the outputs, in the order in which ``run`` returns them."""
        return [output.name for output in self._session.get_outputs()]

    def run(self, inputs: Floats32, options: Any = None) -> Sequence[Floats32]:
        """Run the network on one batch.

        Args:
            inputs: (n, ...) float32, as the network's own input says.
            options: the engine's RunOptions.

        Returns:
            Every output, in the graph's order, each with the leading axis n.

        Raises:
            InferenceFailed: if ONNX Runtime fails.
        """
        try:
            outputs: Sequence[Floats32] = self._session.run(None, {self._input: inputs}, options)
        except Exception as error:  # ONNX Runtime's exceptions share no base class but Exception
            raise InferenceFailed(f"ONNX Runtime failed on an input of shape {inputs.shape}: {error}") from error
        return outputs

    def io_binding(self) -> Any:
        """Return a new I/O binding of the engine's."""
        return self._session.io_binding()

    def run_bound(self, binding: Any, options: Any) -> None:
        """Run the network on what a binding holds; raises the engine's own exceptions."""
        self._session.run_with_iobinding(binding, options)


def engine_version() -> str:
    """Return the version of ONNX Runtime."""
    return str(ort.__version__)
