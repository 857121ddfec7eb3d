"""The embedding cache's key follows from all that decides an embedding: no list of it is kept by hand."""

from dataclasses import dataclass, fields, replace

import pytest

from models.labelled.embedding_cache import maker_of
from service.choices import Gates
from service.settings import Settings


@dataclass
class Pipeline:
    gates: Gates
    pipeline_id: str = "a" * 16
    provider: str = "CPUExecutionProvider"


@pytest.mark.parametrize("gate", [gate.name for gate in fields(Gates)])
def test_each_gate_is_part_of_the_key_and_a_setting(gate):
    other = "accept" if gate == "damaged_images" else getattr(Gates, gate) + 1
    changed = replace(Gates(), **{gate: other})

    assert maker_of(Pipeline(changed), "photo", "largest") != maker_of(Pipeline(Gates()), "photo", "largest")
    assert Settings(**{gate: other}).gates == changed


def test_pipeline_form_and_policy_are_part_of_the_key():
    gates = Gates()
    keys = {
        maker_of(pipeline, form, policy)
        for pipeline in (Pipeline(gates), Pipeline(gates, "b" * 16), Pipeline(gates, provider="CUDAExecutionProvider"))
        for form in ("photo", "crop")
        for policy in ("prominent", "largest")
    }
    assert len(keys) == 12
