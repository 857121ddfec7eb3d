"""The application with other people's shapes switched on, and a calibration by which it decides."""

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
from declared import DeclaredClient
from fakes import FakeBackboneSession, fake_pipeline, picture, serving
from small_bundles import small_bundle

from service.scoring.calibration import Calibrations, FmrCurve, MethodCalibration, OperatingPoint
from service.scoring.parameters import Parameters
from service.settings import Settings

ALL_PEERS = "deepface,compreface,facepp,localai,oip"
ONE, TWO, NOBODY, CROWD = picture(seed=1), picture(seed=2), picture(faces=0), picture(faces=3, seed=3)


def curve(scores) -> FmrCurve:
    """10 % at the first score, 1e-5 at the last."""
    rates = np.array([0.0, -1.0, -5.0])
    return FmrCurve(np.array([scores[0] - 1, *scores]), rates, rates - 0.5, np.minimum(rates + 0.5, 0), 1e-3)


def _point(threshold: float) -> OperatingPoint:
    return OperatingPoint("fmr_1e-2", 1e-2, threshold, "measured", 5e-3, 2e-2, 0.1, 0.05, 0.2, 10, 1000, 100, 50, 1225)


def calibrations(form: str = "photo") -> Calibrations:
    """Plain cosine, and the DAO whose scores of these random anchors lie near 0.15 exp(s)."""
    cosine = MethodCalibration("cosine", Parameters(), form, curve([0.2, 0.8]), (_point(0.4),))
    ida = MethodCalibration("ida-r", Parameters(), form, curve([-2.5, -0.5]), (_point(0.3),))
    return Calibrations("people made up", (cosine, ida))


def compat_serving(settings, bundle, session, change_calibrated=lambda served: served, liveness=None, **changes):
    """A client of an application that decides at ``fmr_1e-2`` and has every peer's paths."""
    changes = {"compat": ALL_PEERS, "operating_point": "fmr_1e-2", **changes}

    def calibrated(served):
        return change_calibrated(replace(served, calibrations=calibrations()))

    return serving(settings.model_copy(update=changes), bundle, session, calibrated, liveness)


@contextmanager
def one_for_many_tests(folder: Path, **changes) -> Iterator[DeclaredClient]:
    """A client as ``compat_serving`` gives it, of an application of its own, for tests that change nothing of it."""
    settings = Settings(home=folder)
    pipeline = fake_pipeline(settings)
    ids = {"backbone_id": pipeline.backbone_id, "pipeline_id": pipeline.pipeline_id}
    small_bundle(folder / "bundle", seed=11, count=64, embed=pipeline.embed, **ids)
    with compat_serving(settings, folder / "bundle", FakeBackboneSession(), **changes) as client:
        yield client


def in_base64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def data_uri(content: bytes) -> str:
    return f"data:image/png;base64,{in_base64(content)}"


def native(client, probe: bytes = ONE, reference: bytes = TWO, **form) -> dict:
    """What ``/verify`` says of a pair."""
    return client.post("/verify", files={"probe": probe, "reference": reference}, data=form).json()
