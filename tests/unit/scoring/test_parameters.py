"""Parameters stand once: every document that states them has the same fields and the same ranges."""

import pytest
from pydantic import ValidationError

from service.bundle.bundle_manifest import Manifest
from service.scoring.parameters import Parameters, StatedParameters
from service.settings import Settings


@pytest.mark.parametrize(
    "values",
    [{"k": 0}, {"tau": 0.0}, {"tau": 101.0}, {"strength": -0.1}, {"guard": 1.5}, {"typical_norm": 0.0}, {"kk": 3}],
)
def test_parameters_out_of_range_are_refused(values):
    with pytest.raises(ValidationError, match=next(iter(values))):
        Parameters(**values)
    with pytest.raises(ValidationError, match=next(iter(values))):
        Parameters().changed(**values)


@pytest.mark.parametrize("name", ["k", "tau", "strength"])
def test_stated_parameters_leave_none_of_equation_4_out(name):
    stated = {"k": 5, "tau": 2.0, "strength": 0.5}
    assert StatedParameters(**stated).parameters == Parameters(**stated)

    del stated[name]
    with pytest.raises(ValidationError, match=name):
        StatedParameters(**stated)


def test_manifest_and_settings_state_no_range_of_their_own():
    for name in Parameters.model_fields:
        assert Manifest.model_fields[name].metadata == Parameters.model_fields[name].metadata
    for name in ("k", "tau", "strength"):
        with pytest.raises(ValidationError, match=name):
            Settings(**{name: -1})
