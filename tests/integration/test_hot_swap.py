"""Ten swaps under load, and everything that may go wrong: no request fails, no answer is of two anchor sets."""

import argparse

import pytest
from e2e import hot_swap


@pytest.mark.long
@pytest.mark.weights
@pytest.mark.system
@pytest.mark.parametrize(
    ("store", "only"), [("folder", "swaps,race,killed,away,corrupt,full"), ("s3", "swaps,race,away")]
)
def test_swaps_under_load_are_seen_by_nobody(require_program, pack, tmp_path, store, only) -> None:
    require_program("nginx")
    options = argparse.Namespace(
        replicas=3, swaps=10, store=store, anchors=1500, per_second=40, threads=4, only=only, pause=0.1, away=0.5
    )

    result = hot_swap.run(options, pack.folder.parents[1], tmp_path)

    assert result["failures"] == 0, result["examples"]
    assert result["mixed_answers"] == 0, result["examples"]
    # What a killed replica was working on, as the client was told.
    assert result["cut_off_and_sent_again"] <= 8
    assert result["requests"] > 100
    assert result["scenarios"]["swaps"]["swaps"] == 10
    assert result["scenarios"]["race"]["with_one_winner"] == 10
