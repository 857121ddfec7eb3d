"""Made-up people: good pictures and poor ones, whose strangers are more alike."""

import numpy as np
import pytest
from vectors import to_unit

from models.heads.ida_q.taught_faces import TaughtFaces

DIMENSION = 32


@pytest.fixture(scope="session")
def made_faces():
    """Return a maker of faces, half of them poor: short norms, and a look that all poor pictures share."""

    def make(people=60, pictures=4, seed=0, pull=0.25, name="made up"):
        draw = np.random.default_rng(seed)
        who = np.repeat(np.arange(people), pictures)
        centres, look = draw.standard_normal((people, DIMENSION)), 4 * draw.standard_normal(DIMENSION)
        good = centres[who] + 0.35 * draw.standard_normal((len(who), DIMENSION))
        poor = good + pull * look + 0.5 * draw.standard_normal(good.shape)
        return TaughtFaces(
            name=name,
            embeddings=np.concatenate([to_unit(good), to_unit(poor)]),
            norms=np.concatenate([draw.uniform(11, 13, len(who)), draw.uniform(6, 8, len(who))]).astype(np.float32),
            people=np.concatenate([who, who]),
            pictures=np.tile(np.arange(len(who)), 2),
            is_copy=np.repeat([False, True], len(who)),
            excluded_pictures=np.empty((0, 2), np.int64),
            excluded_people=np.empty((0, 2), np.int64),
        )

    return make
