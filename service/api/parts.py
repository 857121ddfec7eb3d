"""Reading many faces of one request side by side."""

from collections.abc import Sequence
from functools import partial

from service.api.places import Place
from service.verifier import FaceInput, Verifier
from service.verifier.face_batch import Batch, OpenedFaces, ReadFaces


async def read_parts(batch: Batch, parts: Sequence[Sequence[FaceInput]], place: Place, verifier: Verifier) -> ReadFaces:
    """Read a batch's faces part by part: all workers take some, and other requests have their turns in between.

    Args:
        batch: reads them.
        parts: as ``in_parts`` gives them.
        place: the request's.
        verifier: says which pictures are large.

    Raises:
        DeadlineExceeded, ClientDisconnect: as ``Place.run`` says.
    """

    def read(part: Sequence[FaceInput], may_be_large: bool) -> ReadFaces | None:
        return None if not may_be_large and verifier.is_large(part) else batch.read(part)

    return ReadFaces.joined(await place.run_all([partial(read, part) for part in parts]))


async def read_side_by_side(batch: Batch, faces: Sequence[FaceInput], place: Place, verifier: Verifier) -> ReadFaces:
    """Read the faces of one pair at the same time, as far as workers are free.

    None is embedded where one cannot be read.

    Args:
        batch: reads them.
        faces: the pair's.
        place: the request's.
        verifier: says which pictures are large.

    Raises:
        DeadlineExceeded, ClientDisconnect: as ``Place.run`` says.
    """

    def find(face: FaceInput, may_be_large: bool) -> OpenedFaces | None:
        return None if not may_be_large and verifier.is_large([face]) else batch.open([face])

    def embed(opened: OpenedFaces, _may_be_large: bool) -> ReadFaces:
        return batch.embed_opened(opened)

    found = await place.run_all([partial(find, face) for face in dict.fromkeys(faces)])
    failures = {face: failure for one in found for face, failure in one.failures.items()}
    if failures:
        return ReadFaces(None, {}, failures)
    return ReadFaces.joined(await place.run_all([partial(embed, one) for one in found]))
