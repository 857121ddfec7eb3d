"""To which generation a rollback goes, by the records alone."""

from service.activation.going_back import generation_before
from service.store.records import Activation


def records(*said):
    """Make records: "a" activates the bundle a; "<a" goes back to it as former versions did, "<a2" says that to 2."""
    found = []
    for generation, words in enumerate(said, 1):
        is_back = words.startswith("<")
        name, restores = words.lstrip("<")[0], words.lstrip("<")[1:]
        found.append(
            Activation(
                generation=generation,
                bundle_id=name * 16,
                who="ann",
                previous=None,
                action="rollback" if is_back else "activate",
                restores=int(restores) if restores else None,
            )
        )
    return found


def before(*said):
    found = records(*said)
    return generation_before(found[-1], found[::-1])


def test_first_activation_goes_back_to_the_settings():
    assert before("a") == 0


def test_each_rollback_goes_further():
    assert before("a", "b", "c") == 2
    assert before("a", "b", "c", "<b2") == 1
    assert before("a", "b", "c", "<b2", "<a1") == 0
    assert before("a", "b", "c", "<b2", "<a1", "<d0") is None


def test_rollbacks_of_former_versions_go_further_too():
    assert before("a", "b", "c", "<b") == 1
    assert before("a", "b", "c", "<b", "<a") == 0


def test_same_bundle_again_is_passed_over():
    assert before("a", "b", "b") == 1


def test_activation_after_a_rollback_goes_back_to_what_that_restored():
    assert before("a", "b", "<a1", "c") == 1
    assert before("a", "b", "<a1", "c", "<a1") == 0
