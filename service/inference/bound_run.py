"""Runs of one batch size whose input and outputs stay where they are: on the device, bound once."""

import threading
from collections.abc import Sequence

import numpy as np

from service.arrays import Floats32
from service.errors import InferenceFailed
from service.inference.session import OnnxSession

_NO_GRAPH = "-1"


class BoundRun:
    """A network's run on batches of one size.

    The device's memory for them is allocated once, so it does not grow with what is asked, and a captured CUDA graph
    finds its addresses again. Callers take turns.
    """

    def __init__(self, session: OnnxSession, shape: tuple[int, ...]) -> None:
        """Allocate, and run twice: what an engine does at a shape's first run, no request waits for.

        Args:
            session: the network.
            shape: of the one input, the batch axis first.

        Raises:
            InferenceFailed: if the network fails on a batch of this shape.
        """
        engine, placement = session.engine, session.placement
        self._session = session
        self._turn = threading.Lock()
        self._options = engine.RunOptions()
        zeros = np.zeros(shape, np.float32)
        unbound = engine.RunOptions()
        if placement.captures_graphs:
            unbound.add_run_config_entry("gpu_graph_id", _NO_GRAPH)
            # A graph for each size of batch, called by that size.
            self._options.add_run_config_entry("gpu_graph_id", str(shape[0]))
        examples = session.run(zeros, unbound)

        self._binding = session.io_binding()
        self._input = engine.OrtValue.ortvalue_from_numpy(zeros, placement.device, 0)
        self._binding.bind_ortvalue_input(session.input_name, self._input)
        self._outputs = [engine.OrtValue.ortvalue_from_numpy(one, placement.device, 0) for one in examples]
        for name, output in zip(session.output_names, self._outputs, strict=True):
            self._binding.bind_ortvalue_output(name, output)
        self(zeros)

    def __call__(self, inputs: Floats32) -> Sequence[Floats32]:
        """Return the network's outputs for a batch of the one shape.

        Raises:
            InferenceFailed: if the network fails.
        """
        try:
            with self._turn:
                self._input.update_inplace(np.ascontiguousarray(inputs))
                self._binding.synchronize_inputs()
                self._session.run_bound(self._binding, self._options)
                self._binding.synchronize_outputs()
                # Copies: the next run overwrites what is bound.
                return [np.array(output.numpy()) for output in self._outputs]
        except Exception as error:  # ONNX Runtime's exceptions share no base class but Exception
            raise InferenceFailed(
                f"ONNX Runtime failed on {self._session.provider} with an input of shape {inputs.shape}: {error}"
            ) from error
