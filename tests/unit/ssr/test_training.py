"""Training on a few made-up anchors: what is learned, what is kept, what is refused."""

from dataclasses import replace

import numpy as np
import pytest

from models.heads.ssr.head_agreement import r_squared
from models.heads.ssr.pool import Pool
from models.heads.ssr.ssr_graph import head_graph
from models.heads.ssr.ssr_options import Schedule, Shares, TrainOptions
from models.tool_errors import TrainingImpossible
from service.errors import DeviceUnavailable, TooFewAnchors
from service.inference.ssr_head import SsrHead
from service.scoring.parameters import Parameters

torch = pytest.importorskip("torch", reason="PyTorch is not installed: install the extra [train]")

from models.heads.ssr.ssr_training import predict, squared_error, train_ssr  # noqa: E402 - only where PyTorch is

pytestmark = pytest.mark.train

OPTIONS = TrainOptions(
    hidden=64, schedule=Schedule(iterations=150, batch=128, learning_rate=1e-2), set_aside=0.3, checks=10
)


def run(anchors, faces, options=OPTIONS, parameters=None, **changes):
    given = {"device": "cpu", "threads": 1, **changes}
    return train_ssr(anchors, anchors.with_others(faces), parameters or Parameters(k=5, tau=3.0), options, **given)


def test_equation_6_is_the_mean_of_squared_differences():
    said, wanted = torch.tensor([1.0, 2.0, 4.0]), torch.tensor([1.0, 0.0, 1.0])

    assert squared_error(said, wanted).item() == pytest.approx((0 + 4 + 9) / 3)


@pytest.mark.parametrize("target", ["log-f", "f"])
def test_head_learns_the_density_of_samples_set_aside(anchors, faces, target):
    trained = run(anchors, faces, replace(OPTIONS, target=target))

    assert r_squared(trained.predicted.astype(float), trained.true.astype(float)) > 0.5
    assert min(check.aside for check in trained.checks) < 0.9 * trained.checks[0].aside


@pytest.mark.parametrize("target", ["log-f", "f"])
def test_exported_head_equals_pytorch_within_a_relative_1e_5(anchors, faces, unit_rows, tmp_path, target):
    weights = run(anchors, faces, replace(OPTIONS, target=target)).weights
    path = tmp_path / "head.onnx"
    path.write_bytes(head_graph(weights))
    points = unit_rows(200, seed=8)

    exported = np.exp(SsrHead.load(path).log_density(points))

    said = predict(weights, points).astype(np.float64)
    assert exported == pytest.approx(np.exp(said) if target == "log-f" else said, rel=1e-5)


def test_same_seed_gives_the_same_head_and_another_seed_another(anchors, faces):
    first, again, other = (head_graph(run(anchors, faces, replace(OPTIONS, seed=seed)).weights) for seed in (0, 0, 1))

    assert first == again
    assert first != other


@pytest.mark.parametrize(
    "schedule",
    [
        Schedule(optimizer="sgd", decay="steps", milestones=(60, 90), learning_rate=0.05, iterations=100, batch=64),
        Schedule(optimizer="sgd", decay="one-cycle", learning_rate=0.05, iterations=100, batch=64),
        Schedule(optimizer="adam", decay="steps", milestones=(60,), iterations=100, batch=64),
    ],
)
def test_every_schedule_trains_to_its_end(anchors, faces, schedule):
    trained = run(anchors, faces, replace(OPTIONS, schedule=schedule, patience=1000))

    assert trained.checks[-1].iteration == 100
    assert min(check.aside for check in trained.checks) < trained.checks[0].aside


def test_training_that_no_longer_improves_stops_early_and_keeps_the_best(anchors, faces):
    schedule = Schedule(optimizer="sgd", decay="steps", learning_rate=1e-9, iterations=500, batch=32)

    trained = run(anchors, faces, replace(OPTIONS, schedule=schedule, checks=100, patience=4))

    assert trained.checks[-1].iteration < 500
    best = min(trained.checks, key=lambda check: check.aside)
    assert trained.best == best.iteration


def test_more_hidden_values_than_anchors_are_units_of_their_own(anchors, faces):
    weights = run(anchors, faces, replace(OPTIONS, hidden=200)).weights

    assert weights.first.shape == (200, 12)
    assert len(np.unique(weights.first, axis=0)) == 200


def test_progress_is_told_to_the_end(anchors, faces):
    shares = []

    run(anchors, faces, tick=shares.append)

    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_rate_at_which_the_loss_leaves_all_bounds_is_refused(anchors, faces):
    schedule = Schedule(optimizer="sgd", decay="steps", learning_rate=1e6, iterations=100, batch=32)

    with pytest.raises(TrainingImpossible, match="--learning-rate"):
        run(anchors, faces, replace(OPTIONS, schedule=schedule))


def test_anchors_that_are_all_alike_teach_nothing(unit_rows):
    alike = Pool(np.repeat(unit_rows(1), 40, axis=0), np.arange(40))

    with pytest.raises(TrainingImpossible, match="same density"):
        run(alike, alike, replace(OPTIONS, shares=Shares(0, 0, 0, 0, face=1)))


def test_fewer_anchors_than_a_support_set_are_refused(anchors, faces):
    with pytest.raises(TooFewAnchors):
        run(anchors, faces, parameters=Parameters(k=100))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_device_that_is_not_there_is_refused(anchors, faces):
    with pytest.raises(DeviceUnavailable, match="cuda"):
        run(anchors, faces, device="cuda")
