"""The code that runs networks on a GPU, at the border to ONNX Runtime: there a stand-in, which computes on the CPU.

What a GPU itself does with it can only be seen on one.
"""

from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest
import tiny_packs

from service.errors import DeviceUnavailable, InferenceFailed
from service.inference.bound_run import BoundRun
from service.inference.networks import Batching, open_network
from service.inference.onnx_runtime import ort
from service.inference.providers import Placement
from service.inference.runs import in_buckets, in_parts
from service.inference.session import OnnxSession

CUDA, TENSORRT, CPU = "CUDAExecutionProvider", "TensorrtExecutionProvider", "CPUExecutionProvider"


class RecordedRunOptions(ort.RunOptions):
    """Run options that remember what was set."""

    def __init__(self):
        super().__init__()
        self.graph_id = None

    def add_run_config_entry(self, key, value):
        assert key == "gpu_graph_id"
        self.graph_id = value


class StandIn:
    """An onnxruntime "with CUDA": it keeps what it was asked for, and computes on the CPU."""

    SessionOptions = ort.SessionOptions
    RunOptions = RecordedRunOptions

    def __init__(self, available=(TENSORRT, CUDA, CPU), takes=None):
        self.available = available
        self.takes = takes
        self.preloaded = 0
        self.providers = []
        self.placed = []
        self.runs = []
        self.OrtValue = SimpleNamespace(ortvalue_from_numpy=self._place)

    def get_available_providers(self):
        return list(self.available)

    def preload_dlls(self):
        self.preloaded += 1

    def InferenceSession(self, path, options, providers):  # noqa: N802  (its name)
        self.providers = providers
        session = ort.InferenceSession(path, options, providers=[CPU])

        def run(names, feeds, options=None):
            self.runs.append(("unbound", options and options.graph_id, len(next(iter(feeds.values())))))
            return session.run(names, feeds, options)

        def run_with_iobinding(binding, options):
            self.runs.append(("bound", options.graph_id, None))
            session.run_with_iobinding(binding, options)

        return SimpleNamespace(
            get_providers=lambda: [self.takes or providers[0][0], CPU],
            get_inputs=session.get_inputs,
            get_outputs=session.get_outputs,
            run=run,
            io_binding=session.io_binding,
            run_with_iobinding=run_with_iobinding,
        )

    def _place(self, array, device, device_id):
        self.placed.append((device, device_id, array.shape))
        return ort.OrtValue.ortvalue_from_numpy(array)


@pytest.fixture
def network(tmp_path):
    """The path of a tiny backbone of any batch size."""
    networks = {"backbone": tiny_packs.batched(tiny_packs.backbone(64))}
    return tiny_packs.write_pack(tmp_path / "own", dimension=64, networks=networks) / "backbone.onnx"


def inputs(count, seed=3):
    return np.random.default_rng(seed).uniform(-1, 1, (count, 3, 112, 112)).astype(np.float32)


def on_gpu(network, engine, **options):
    return OnnxSession(network, Placement("cuda", **options), engine=engine)


def buckets_of(session, sizes=(1, 4)):
    return in_parts(in_buckets({size: BoundRun(session, (size, 3, 112, 112)) for size in sizes}), sizes[-1])


def test_session_takes_cuda_with_full_float32_and_an_arena_that_does_not_double(network):
    engine = StandIn()
    session = on_gpu(network, engine)
    ((name, options),) = engine.providers
    assert (session.provider, name) == (CUDA, CUDA)
    assert options == {"device_id": 0, "arena_extend_strategy": "kSameAsRequested", "use_tf32": "0"}
    assert engine.preloaded == 1


def test_cuda_graphs_are_asked_for_by_their_own_option(network):
    engine = StandIn()
    on_gpu(network, engine, gpu_engine="cuda-graphs")
    assert engine.providers[0][1]["enable_cuda_graph"] == "1"


def test_tensorrt_comes_before_cuda_and_keeps_its_engines(network, tmp_path):
    engine = StandIn()
    session = on_gpu(network, engine, gpu_engine="tensorrt", cache=tmp_path / "engines")
    assert [name for name, _ in engine.providers] == [TENSORRT, CUDA]
    assert session.provider == TENSORRT
    assert engine.providers[0][1]["trt_engine_cache_path"] == str(tmp_path / "engines")
    assert engine.providers[0][1]["trt_fp16_enable"] == "0"


@pytest.mark.parametrize(
    ("gpu_engine", "available", "named"),
    [("cuda", (CPU,), "IDA_DEVICE=cuda needs"), ("tensorrt", (CUDA, CPU), "IDA_GPU_ENGINE=tensorrt needs")],
)
def test_engine_that_is_not_installed_is_refused(network, gpu_engine, available, named):
    with pytest.raises(DeviceUnavailable, match=named):
        on_gpu(network, StandIn(available), gpu_engine=gpu_engine)


def test_fall_back_to_the_cpu_is_refused(network):
    with pytest.raises(DeviceUnavailable, match="did not take CUDAExecutionProvider"):
        on_gpu(network, StandIn(takes=CPU))


def test_buckets_on_the_device_give_what_the_cpu_gives(network):
    on_cpu = OnnxSession(network, Placement())
    run = buckets_of(on_gpu(network, StandIn()))
    for count in (1, 2, 3, 4, 5, 9):
        (found,) = run(inputs(count, seed=count))
        np.testing.assert_allclose(found, on_cpu.run(inputs(count, seed=count))[0], atol=1e-6)


def test_outputs_of_one_run_outlive_the_next(network):
    run = BoundRun(on_gpu(network, StandIn()), (2, 3, 112, 112))
    (first,) = run(inputs(2, seed=1))
    kept = first.copy()
    run(inputs(2, seed=2))
    np.testing.assert_array_equal(first, kept)


def test_memory_on_the_device_is_placed_once_for_each_bucket_and_never_again(network):
    engine = StandIn()
    run = buckets_of(on_gpu(network, engine))
    placed = list(engine.placed)
    assert placed == [
        ("cuda", 0, (1, 3, 112, 112)),
        ("cuda", 0, (1, 64)),
        ("cuda", 0, (4, 3, 112, 112)),
        ("cuda", 0, (4, 64)),
    ]
    for count in (1, 3, 8, 13):
        run(inputs(count))
    assert engine.placed == placed
    assert {size for kind, _, size in engine.runs if kind == "unbound"} == {1, 4}


def test_each_bucket_replays_a_graph_of_its_own_and_the_first_run_captures_none(network):
    engine = StandIn()
    run = buckets_of(on_gpu(network, engine, gpu_engine="cuda-graphs"))
    assert engine.runs == [("unbound", "-1", 1), ("bound", "1", None), ("unbound", "-1", 4), ("bound", "4", None)]
    run(inputs(6))
    assert engine.runs[4:] == [("bound", "4", None), ("bound", "4", None)]


def test_callers_of_one_bucket_take_turns(network):
    run = BoundRun(on_gpu(network, StandIn()), (1, 3, 112, 112))
    alone = [run(inputs(1, seed))[0].copy() for seed in range(16)]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda seed: run(inputs(1, seed))[0], range(16)))
    np.testing.assert_array_equal(np.stack(together), np.stack(alone))


def test_run_that_the_device_fails_is_an_error_of_ours(network):
    run = BoundRun(on_gpu(network, StandIn()), (1, 3, 112, 112))
    with pytest.raises(InferenceFailed):
        run(np.zeros((1, 3, 56, 56), np.float32))


def test_network_that_takes_one_row_gets_one_at_a_time(tmp_path):
    folder = tiny_packs.write_pack(tmp_path / "own", dimension=64)
    told = []
    run = open_network(
        folder / "backbone.onnx",
        Placement(),
        row_shape=(3, 112, 112),
        takes_batches=False,
        batching=Batching(joins_requests=True, buckets=(2, 4)),
        observe=told.append,
    )
    assert run(inputs(3))[0].shape == (3, 64)
    assert told == [1, 1, 1]


def test_fixed_buckets_on_a_cpu_give_the_same_bits_as_any_other_size(network):
    def embed(**batching):
        return open_network(
            network, Placement(), row_shape=(3, 112, 112), batching=Batching(**batching) if batching else None
        )

    plain, fixed, joined = embed(), embed(buckets=(4,)), embed(joins_requests=True, buckets=(4,))
    (alone,) = fixed(inputs(7))
    np.testing.assert_array_equal(joined(inputs(7))[0], alone)
    np.testing.assert_allclose(plain(inputs(7))[0], alone, atol=1e-6)
