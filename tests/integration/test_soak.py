"""A thousand requests of mixed sizes and shapes: all are answered, and the memory stays where it was."""

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "bench"))


@pytest.mark.long
@pytest.mark.weights
def test_memory_stays_while_sizes_and_shapes_change(pack) -> None:
    import soak

    found = soak.soak(pack.folder.parents[1], count=1000, anchors=2000)

    assert found["statuses"] == {"200": 1000}
    # What grows with every request would be hundreds of MiB by now; allocators keep some tens.
    assert found["mib_at_the_end"] - found["mib_after_warm_up"] < 80, found
