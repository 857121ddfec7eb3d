"""Documents are bounded before they are parsed."""

import time
import tracemalloc
from contextlib import suppress

import pytest

from service.documents import check_structure
from service.errors import DocumentTooComplex

LIMITS = {"max_bytes": 64 * 1024 * 1024, "max_objects": 100, "max_arrays": 100, "max_values": 10_000}
MEGABYTES = 40


def _fill(piece: bytes) -> bytes:
    return piece * (MEGABYTES * 1024 * 1024 // len(piece))


def _seconds(data: bytes) -> float:
    """Return the least time of five checks, which whatever else runs disturbs least."""
    taken = []
    for _ in range(5):
        began = time.perf_counter()
        with suppress(DocumentTooComplex):
            check_structure(data, **LIMITS)
        taken.append(time.perf_counter() - began)
    return min(taken)


@pytest.mark.parametrize(
    ("data", "limit"),
    [
        (b'{"a": {}}', {"max_objects": 1}),
        (b"[[1]]", {"max_arrays": 1}),
        (b"[1, 2, 3]", {"max_values": 1}),
        (b'{"a":{"b":1}}', {"max_values": 1}),
        (b'{"a":1}', {"max_bytes": 6}),
    ],
)
def test_what_a_limit_names_is_counted_and_one_more_is_refused(data: bytes, limit: dict[str, int]) -> None:
    check_structure(data, **{**LIMITS, **{name: value + 1 for name, value in limit.items()}})
    with pytest.raises(DocumentTooComplex, match=str(next(iter(limit.values())))):
        check_structure(data, **{**LIMITS, **limit})


@pytest.mark.parametrize("length", [65_535, 65_536, 65_537, 131_073])
def test_every_block_is_counted_once(length: int) -> None:
    data = b"," * length
    check_structure(data, **{**LIMITS, "max_values": length})
    with pytest.raises(DocumentTooComplex):
        check_structure(data, **{**LIMITS, "max_values": length - 1})


@pytest.mark.parametrize(
    "piece",
    [b"1,", b"{},", b'"a":1,', b"[", b'{"a":'],
    ids=["values", "objects", "members", "deep arrays", "deep objects"],
)
def test_a_hostile_document_is_refused_by_its_first_blocks(piece: bytes) -> None:
    data = _fill(piece)
    with pytest.raises(DocumentTooComplex):
        check_structure(data, **LIMITS)
    assert _seconds(data) < 0.05
    tracemalloc.start()
    try:
        with pytest.raises(DocumentTooComplex):
            check_structure(data, **LIMITS)
        assert tracemalloc.get_traced_memory()[1] < 64 * 1024
    finally:
        tracemalloc.stop()


@pytest.mark.slow
def test_a_long_text_costs_little_more_than_searching_it() -> None:
    data = b'{"image": "' + _fill(b"QUJD/+09") + b'"}'
    check_structure(data, **LIMITS)
    began = time.perf_counter()
    for _ in range(4):
        data.count(b"{")
    assert _seconds(data) < time.perf_counter() - began


def test_depth_is_bounded_by_what_is_opened() -> None:
    deepest = LIMITS["max_arrays"]
    check_structure(b"[" * deepest + b"]" * deepest, **LIMITS)
    with pytest.raises(DocumentTooComplex, match="arrays"):
        check_structure(b"[" * (deepest + 1) + b"]" * (deepest + 1), **LIMITS)
    with pytest.raises(DocumentTooComplex, match="objects"):
        check_structure(b'{"a":' * (LIMITS["max_objects"] + 1), **LIMITS)
