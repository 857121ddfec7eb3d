"""Waiting for replicas: who is waited for, who is named when it does not come, and that a failure ends it at once."""

import pytest

from models.remote.waiting import wait_for_replicas
from models.tool_errors import ActivationIncomplete, AdminUnreachable


class Service:
    """Answers GET /admin/replicas with one document after the other, the last for ever."""

    def __init__(self, *documents):
        self.documents = list(documents)

    def replicas(self):
        return {"replicas": self.documents.pop(0) if len(self.documents) > 1 else self.documents[0]}


def replica(name, generation, *, alive=True, failed=None, code=None):
    return {
        "replica": name,
        "generation": generation,
        "alive": alive,
        "failed_generation": failed,
        "error_code": code,
        "error": None if code is None else f"because of {code}",
    }


def wait(service, generation=2, timeout=60.0):
    passed = []
    found = wait_for_replicas(
        service, generation, timeout=timeout, sleep=passed.append, clock=lambda: float(sum(passed))
    )
    return found, sum(passed)


def test_wait_ends_when_every_replica_that_is_alive_follows():
    gone = replica("gone", 0, alive=False)
    behind = [replica("a", 2), replica("b", 1), gone]
    found, seconds = wait(Service(behind, behind, [replica("a", 2), replica("b", 3), gone]))
    assert found.following == ("a", "b")
    assert seconds == 1.0


def test_replica_that_cannot_load_it_ends_the_wait_and_is_named():
    service = Service([replica("a", 2), replica("b", 1, failed=2, code="bundle_invalid")])
    with pytest.raises(ActivationIncomplete, match=r"b, which serves generation 1 \(because of bundle_invalid\)"):
        wait(service)


def test_replica_whose_store_is_away_is_waited_for():
    away = [replica("a", 2), replica("b", 1, failed=2, code="store_unavailable")]
    assert wait(Service(away, away, [replica("a", 2), replica("b", 2)]))[1] == 1.0


def test_failure_of_an_earlier_generation_does_not_count():
    service = Service([replica("a", 1, failed=1, code="bundle_invalid")], [replica("a", 2)])
    assert wait(service)[0].following == ("a",)


def test_replica_that_does_not_come_in_time_is_named():
    with pytest.raises(ActivationIncomplete, match="after 5 s not served by b, which serves generation 1"):
        wait(Service([replica("a", 2), replica("b", 1)]), timeout=5)


def test_service_that_cannot_be_asked_for_a_moment_is_asked_again():
    class Away(Service):
        asked = 0

        def replicas(self):
            self.asked += 1
            if self.asked < 3:
                raise AdminUnreachable("away")
            return super().replicas()

    assert wait(Away([replica("a", 2)]))[1] == 1.0


def test_no_replica_at_all_is_not_taken_for_all_of_them():
    with pytest.raises(ActivationIncomplete, match="none has reported"):
        wait(Service([]), timeout=1)
