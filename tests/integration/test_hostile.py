"""Three replicas behind the proxy, 2 GiB of address space each, attacked from all sides while honest clients ask."""

import argparse

import pytest
from e2e import hostile


@pytest.mark.long
@pytest.mark.weights
@pytest.mark.system
def test_attacks_stop_no_replica_and_leave_no_honest_request_unanswered(require_program, pack, tmp_path) -> None:
    require_program("nginx")
    require_program("prlimit")
    options = argparse.Namespace(
        replicas=3, address_space=2048, per_second=4, together=True, only="", every=5, batch=16
    )

    result = hostile.run(options, pack.folder.parents[1], tmp_path)

    assert result["ended"] == []
    assert result["ready_afterwards"]
    assert result["unanswered"] == []
    assert set(result["honest_statuses"]) <= {"200", "429"}
    (attacks,) = result["attacks"].values()
    answered = attacks["answered"]
    assert set(answered["documents of many small values"]) == {"413 document_too_complex"}
    assert {found.split()[0] for found in answered["hostile pictures"]} <= {"413", "415", "422"}
    assert set(answered["idle connections"]) == {"closed"}
    assert answered["headers without end"].get("a replica ended it after less than 8 MiB") == 4
    assert set(answered["two batches of 64 pairs"]) <= {"200 of {'200': 64}"}
    assert max(most for _, most in attacks["resident_mib"]) < 1500
    # What strangers do is told once a second at most; the rest is a line for each request.
    assert max(result["log_lines"]) < 2000
    assert result["not_json"] == []
