"""The embedding cache."""

import hashlib
import sqlite3
from dataclasses import replace

import numpy as np
import pytest

from models.labelled.embedding_cache import CachedFace, EmbeddingCache
from models.tool_errors import CacheUnusable

MAKER = b"m" * 32


def source(number):
    return hashlib.sha256(str(number).encode()).digest()


def face(number, size=512):
    return CachedFace(np.random.default_rng(number).standard_normal(size).astype(np.float32))


def test_kept_faces_are_found_again_to_the_bit_by_another_process(tmp_path):
    with EmbeddingCache(tmp_path, MAKER) as cache:
        cache.keep({source(1): face(1), source(2): CachedFace(np.empty(0, np.float32), "no_face")})

    with EmbeddingCache(tmp_path, MAKER) as cache:
        found = cache.find([source(number) for number in range(2000)])

    assert set(found) == {source(1), source(2)}
    assert np.array_equal(found[source(1)].embedding, face(1).embedding)
    assert found[source(2)].rejected == "no_face"


def test_what_another_pipeline_made_is_not_found(tmp_path):
    with EmbeddingCache(tmp_path, MAKER) as cache:
        cache.keep({source(1): face(1)})

    with EmbeddingCache(tmp_path, b"o" * 32) as other:
        assert other.find([source(1)]) == {}
        other.keep({source(1): face(2)})
    with EmbeddingCache(tmp_path, MAKER) as cache:
        assert np.array_equal(cache.find([source(1)])[source(1)].embedding, face(1).embedding)


def test_entry_whose_checksum_does_not_hold_is_as_if_absent_and_can_be_made_again(tmp_path):
    with EmbeddingCache(tmp_path, MAKER) as cache:
        cache.keep({source(1): face(1), source(2): face(2)})
    with sqlite3.connect(tmp_path / "embeddings.sqlite3") as stored:
        stored.execute("UPDATE embeddings SET vector = zeroblob(2048) WHERE source = ?", (source(1),))
    stored.close()

    with EmbeddingCache(tmp_path, MAKER) as cache:
        assert set(cache.find([source(1), source(2)])) == {source(2)}
        cache.keep({source(1): face(1)})
        assert set(cache.find([source(1), source(2)])) == {source(1), source(2)}


def test_file_that_is_no_database_is_made_anew(tmp_path):
    (tmp_path / "embeddings.sqlite3").write_bytes(b"nothing of the kind" * 1000)

    with EmbeddingCache(tmp_path, MAKER) as cache:
        assert cache.find([source(1)]) == {}
        cache.keep({source(1): face(1)})
        assert len(cache.find([source(1)])) == 1


def test_database_damaged_in_its_middle_is_made_anew(tmp_path):
    with EmbeddingCache(tmp_path, MAKER) as cache:
        cache.keep({source(number): face(number) for number in range(200)})
    path = tmp_path / "embeddings.sqlite3"
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xa5" * (len(content) - 4096)
    path.write_bytes(content)

    with EmbeddingCache(tmp_path, MAKER) as cache:
        cache.find([source(number) for number in range(200)])
        cache.keep({source(1): face(1)})
        assert len(cache.find([source(1)])) == 1


def test_longest_unused_entries_go_when_the_limit_is_reached(tmp_path):
    # Each entry weighs 2,048 bytes and its overhead.
    with EmbeddingCache(tmp_path, MAKER, limit_bytes=20 * 2300) as cache:
        cache.keep({source(number): face(number) for number in range(18)})
        with sqlite3.connect(tmp_path / "embeddings.sqlite3") as stored:
            stored.execute("UPDATE embeddings SET used = 1")
            stored.execute("UPDATE embeddings SET used = 9 WHERE source = ?", (source(0),))
        stored.close()
        cache.keep({source(number): face(number) for number in range(18, 30)})

        found = cache.find([source(number) for number in range(30)])

    assert source(0) in found
    assert {source(number) for number in range(18, 30)} <= set(found)
    assert 13 <= len(found) <= 20


def test_folder_that_cannot_be_made_is_an_error_that_says_what_to_do(tmp_path):
    (tmp_path / "taken").write_text("a file")

    with pytest.raises(CacheUnusable, match="--no-cache"):
        EmbeddingCache(tmp_path / "taken", MAKER)


def test_what_was_measured_of_a_picture_is_kept_beside_its_embedding(tmp_path):
    with EmbeddingCache(tmp_path, MAKER) as cache:
        kept = replace(face(1), measures={"detection_score": 0.75})
        cache.keep({source(1): kept, source(2): face(2)})

        found = cache.find([source(1), source(2)])

    assert np.array_equal(found[source(1)].embedding, kept.embedding)
    assert found[source(1)].measures == {"detection_score": 0.75}
    assert np.array_equal(found[source(2)].embedding, face(2).embedding)
    assert found[source(2)].measures == {}
