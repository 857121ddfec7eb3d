"""Which of ONNX Runtime's providers run a network, and how: on the device that was asked for or not at all."""

from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from service.choices import Device, GpuEngine
from service.errors import DeviceUnavailable

_CPU = "CPUExecutionProvider"
_CUDA = "CUDAExecutionProvider"
_TENSORRT = "TensorrtExecutionProvider"


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a network runs.

    Attributes:
        device: cpu or cuda.
        threads: CPU threads of one run, 1 or more.
        gpu_engine: what runs it on a GPU.
        cache: where TensorRT keeps the engines that it built; None builds them at every start.
    """

    device: Device = "cpu"
    threads: int = 1
    gpu_engine: GpuEngine = "cuda"
    cache: Path | None = None

    @property
    def provider(self) -> str:
        """Name of the provider that must take the network."""
        if self.device == "cpu":
            return _CPU
        return _TENSORRT if self.gpu_engine == "tensorrt" else _CUDA

    @property
    def captures_graphs(self) -> bool:
        """Whether each batch size's kernels are captured once, and replayed as one CUDA graph from then on."""
        return self.device == "cuda" and self.gpu_engine == "cuda-graphs"

    def require(self, engine: ModuleType) -> None:
        """Refuse a provider that this ONNX Runtime does not have; find its libraries where it has.

        Raises:
            DeviceUnavailable: saying what it has.
        """
        available = engine.get_available_providers()
        if self.provider not in available:
            asked = f"IDA_DEVICE={self.device}"
            if self.provider == _TENSORRT:
                asked += f" with IDA_GPU_ENGINE={self.gpu_engine}"
            raise DeviceUnavailable(
                f"{asked} needs ONNX Runtime's {self.provider}, which this installation does not have (it has "
                f"{', '.join(available)}). Install the extra [gpu], or set IDA_DEVICE=cpu."
            )
        if self.device == "cuda":
            # The CUDA libraries are Python packages, in folders where the loader does not look.
            engine.preload_dlls()

    def providers(self) -> list[tuple[str, dict[str, Any]]]:
        """Return the providers with their options, the wanted one first."""
        if self.device == "cpu":
            return [(_CPU, {})]
        cuda: dict[str, Any] = {
            "device_id": 0,
            # A batch size takes what it needs; the default doubles the arena at every step.
            "arena_extend_strategy": "kSameAsRequested",
            # Products of 10 bits would move every score away from those that the thresholds were measured on.
            "use_tf32": "0",
        }
        if self.captures_graphs:
            cuda["enable_cuda_graph"] = "1"
        if self.gpu_engine != "tensorrt":
            return [(_CUDA, cuda)]
        tensorrt: dict[str, Any] = {"device_id": 0, "trt_fp16_enable": "0"}
        if self.cache is not None:
            tensorrt |= {"trt_engine_cache_enable": "1", "trt_engine_cache_path": str(self.cache)}
        return [(_TENSORRT, tensorrt), (_CUDA, cuda)]
