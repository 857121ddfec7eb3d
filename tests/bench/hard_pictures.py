"""What the service answers to pictures that are hard: poor, turned, without a face, or with a very small one.

    IDA_HOME=... IDA_FACES_DIR=... python tests/bench/hard_pictures.py [--each 200] [--people all|set-aside]
        [--measure poor,mated,turned,faceless,small] [--point fmr_1e-4] [--json FILE]

The settings (IDA_BUNDLE, IDA_PACK, IDA_FACE_POLICY, ...) hold as for the server, and its own verifier decides, by the
quality policies ``decide`` and ``report``. The pictures are made from one photograph of each of so many people of LFW
and of CelebA. Generated children are left out: no program here can tell which of the generated faces are children's.
"""

import argparse
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import cv2
import numpy as np
from hard_kinds import KINDS, Photographed
from hardware import hardware

sys.path.insert(0, str(Path(__file__).parents[1]))
from drawn_pictures import (
    background,
    drawn_people,
    encoded,
    of_celeba,
    of_lfw,
    read_rgb,
    resized,
    rolled,
)
from face_free import NAMES, pieces

from models.labelled.calibration_people import SET_ASIDE, read_people
from service.choices import QualityPolicy
from service.errors import InputError
from service.loaded import LoadedService, load
from service.pipeline import FacePipeline
from service.settings import Settings, load_settings
from service.verifier import Crop, Photo, Verifier
from service.verifier.face_batch import ReadFaces

_MEASURES = ("poor", "mated", "turned", "faceless", "small")
_ROLLS = (-45, -30, -15, 15, 30, 45)
_SIDES = (32, 48, 64, 105, 300)
_LARGE_FACE = 1200
_AT_ONCE = 20_000


@dataclass(frozen=True)
class Bench:
    """What all measurements share.

    Attributes:
        settings: of the service.
        verifier: decides.
        pipeline: finds faces.
        point: name of the operating point.
        people: the photographs of each person, by set.
        each: how many people of a set.
    """

    settings: Settings
    verifier: Verifier
    pipeline: FacePipeline
    point: str | None
    people: dict[str, dict[str, list[Path]]]
    each: int

    def read(self, photos: Sequence[Photo | Crop]) -> ReadFaces:
        """Read and embed pictures."""
        return self.verifier.batch().read(photos)

    def decisions(self, pairs: Sequence[tuple[Photo, Photo]], read: ReadFaces, policy: QualityPolicy) -> list[str]:
        """Return for each pair its decision, "undecided", or the code of the error."""
        batch = self.verifier.batch(operating_point=self.point, quality_policy=policy)
        found: list[str] = []
        for start in range(0, len(pairs), _AT_ONCE):
            for item in batch.verify(pairs[start : start + _AT_ONCE], read).items:
                if isinstance(item, InputError):
                    found.append(item.code)
                else:
                    found.append(item.judgement.decision or "undecided")
        return found

    def doubts(self, photos: Sequence[Photo], read: ReadFaces) -> Counter[str]:
        """Return how many of the faces that were read are doubted at all, as "any", and for each reason."""
        batch = self.verifier.batch(operating_point=self.point)
        found: Counter[str] = Counter()
        for item in batch.verify([(photo, photo) for photo in photos if photo in read.rows], read).items:
            codes = {} if isinstance(item, InputError) else {doubt.code for doubt in item.checks[0].doubts("probe")}
            found.update([*codes, *(["any"] if codes else [])])
        return found

    def strangers(self) -> list[Photographed]:
        """Return one photograph, with its face, of each of so many people of every set."""
        found = []
        for people in self.people.values():
            for (path,) in drawn_people(people, self.each, 11):
                image = read_rgb(path)
                try:
                    face = self.pipeline.extract(encoded(image), self.settings.face_policy).face
                except InputError:
                    continue
                found.append(Photographed(image, face.landmarks, face.box))
        return found

    def mated(self) -> list[tuple[Path, Path]]:
        """Return two photographs of each of so many people of every set."""
        drawn = [drawn_people(people, self.each, 12, pictures=2) for people in self.people.values()]
        return [(first, second) for pairs in drawn for first, second in pairs]


def shares(decisions: Sequence[str]) -> dict[str, float]:
    """Return the share of each decision."""
    return {name: round(count / len(decisions), 5) for name, count in sorted(Counter(decisions).items())}


def poor(bench: Bench) -> dict[str, object]:
    """Return what becomes of pictures of each kind, and of all pairs of strangers of one kind."""
    originals = bench.strangers()
    result: dict[str, object] = {}
    for number, (kind, make) in enumerate(KINDS.items()):
        drawn = np.random.default_rng([11, number])
        photos = [Photo(encoded(np.ascontiguousarray(make(original, drawn)))) for original in originals]
        read = bench.read(photos)
        pairs = list(combinations(photos, 2))
        decided = shares(bench.decisions(pairs, read, "decide"))
        reported = shares(bench.decisions(pairs, read, "report"))
        doubted = bench.doubts(photos, read)
        result[kind] = {
            "pictures": len(photos),
            "found": round(len(read.rows) / len(photos), 4),
            "refused": dict(Counter(error.code for error in read.failures.values())),
            "median norm": None if read.faces is None else round(float(np.median(read.faces.norms)), 2),
            "doubted, share of the found": round(doubted.pop("any", 0) / max(1, len(read.rows)), 4),
            "doubts": dict(doubted),
            "pairs": len(pairs),
            "match": decided.get("match", 0.0),
            "inconclusive": decided.get("inconclusive", 0.0),
            "match by report": reported.get("match", 0.0),
            "99.9 % of cosines below": _high_cosine(read),
        }
        print(kind, json.dumps(result[kind]), flush=True)
    return result


def _high_cosine(read: ReadFaces) -> float | None:
    if read.faces is None or len(read.rows) < 2:
        return None
    cosines = read.faces.embeddings @ read.faces.embeddings.T
    return round(float(np.quantile(cosines[np.triu_indices(len(cosines), 1)], 0.999)), 3)


def mated(bench: Bench) -> dict[str, object]:
    """Return the decisions on pairs of clean photographs of one person."""
    pairs = [(Photo(one.read_bytes()), Photo(other.read_bytes())) for one, other in bench.mated()]
    photos = [photo for pair in pairs for photo in pair]
    read = bench.read(photos)
    doubted = bench.doubts(photos, read)
    any_doubt = doubted.pop("any", 0)
    return {
        "pairs": len(pairs),
        "decide": shares(bench.decisions(pairs, read, "decide")),
        "report": shares(bench.decisions(pairs, read, "report")),
        "doubted, share of the found": round(any_doubt / max(1, len(read.rows)), 4),
        "doubts": dict(doubted),
    }


def turned(bench: Bench) -> dict[str, object]:
    """Return how often a turned probe gets the decision of the upright one, on mated and on strangers' pairs."""
    couples = bench.mated()
    images = [read_rgb(probe) for probe, _ in couples]
    upright = [Photo(encoded(image)) for image in images]
    references = [Photo(reference.read_bytes()) for _, reference in couples]
    pairings = {"mated": references, "strangers": references[1:] + references[:1]}
    fixed = [*upright, *references]
    ways = {f"turned {90 * quarters}": [np.rot90(image, quarters) for image in images] for quarters in (1, 2, 3)}
    ways["upside down, mirrored"] = [image[::-1] for image in images]
    ways |= {f"rolled {degrees}": [rolled(image, degrees)[0] for image in images] for degrees in _ROLLS}
    known = bench.read(fixed)
    result: dict[str, object] = {}
    for way, pictures in ways.items():
        photos = [Photo(encoded(np.ascontiguousarray(picture))) for picture in pictures]
        read = ReadFaces.joined([known, bench.read(photos)])
        told: dict[str, object] = {"cosine with the upright": _cosines(upright, photos, read)}
        for name, others in pairings.items():
            before = bench.decisions(list(zip(upright, others, strict=True)), read, "decide")
            after = bench.decisions(list(zip(photos, others, strict=True)), read, "decide")
            same = [one == other for one, other in zip(before, after, strict=True)]
            told[name] = {
                "pairs": len(same),
                "same decision": round(sum(same) / len(same), 4),
                "upright": shares(before),
                "so": shares(after),
            }
        result[way] = told
        print(way, json.dumps(told), flush=True)
    return result


def _cosines(upright: Sequence[Photo], photos: Sequence[Photo], read: ReadFaces) -> dict[str, float | int]:
    both = [pair for pair in zip(upright, photos, strict=True) if all(photo in read.rows for photo in pair)]
    embeddings = read.faces.embeddings if read.faces is not None else np.zeros((0, 1))
    found = np.array([embeddings[read.rows[one]] @ embeddings[read.rows[other]] for one, other in both] or [np.nan])
    return {
        "pictures": len(photos),
        "not found": len(photos) - len(both),
        "below 0.95": int((found < 0.95).sum()),
        "median": round(float(np.median(found)), 3),
    }


def faceless(bench: Bench) -> dict[str, object]:
    """Return how many pieces of face-free pictures are embedded, as photographs and as aligned crops."""
    of_each = max(1, bench.each // 4)
    drawn = list(pieces(of_each, 3))
    result: dict[str, object] = {}
    for form, kind, side in (("photo", Photo, None), ("crop", Crop, 112)):
        faces = [
            kind(encoded(piece if side is None else cv2.resize(piece, (side, side), interpolation=cv2.INTER_AREA)))
            for _, piece in drawn
        ]
        read = bench.read(faces)
        names = Counter(name for (name, _), face in zip(drawn, faces, strict=True) if face in read.rows)
        result[form] = {
            "pieces": len(faces),
            "of pictures": len(NAMES),
            "embedded": round(sum(names.values()) / len(faces), 5),
            "which": dict(names),
        }
        print(form, json.dumps(result[form]), flush=True)
    return result


def small(bench: Bench) -> dict[str, object]:
    """Return how often a face of some pixels is found in 12 megapixels, and the processor time of finding it."""
    drawn = np.random.default_rng(5)
    ground = background(4000, 3000, 3)
    portraits = bench.strangers()
    result: dict[str, object] = {}
    for side in (*_SIDES, _LARGE_FACE):
        hits, several, seconds = 0, 0, []
        places = max(10, bench.each // 3)
        for _ in range(places):
            portrait = portraits[int(drawn.integers(len(portraits)))]
            scale = side / min(portrait.box.width, portrait.box.height)
            image = resized(portrait.image, min(scale, 2900 / max(portrait.image.shape[:2])))
            scale = image.shape[1] / portrait.image.shape[1]
            free = (ground.shape[1] - image.shape[1], ground.shape[0] - image.shape[0])
            left, top = (int(drawn.integers(room + 1)) for room in free)
            sent = ground.copy()
            sent[top : top + image.shape[0], left : left + image.shape[1]] = image
            data = encoded(sent, ".jpg")
            began = time.process_time()
            try:
                found = bench.pipeline.extract(data, bench.settings.face_policy)
            except InputError:
                found = None
            seconds.append(time.process_time() - began)
            if found is not None:
                middle = np.array(portrait.box.centre) * scale + (left, top)
                hits += bool(np.linalg.norm(found.face.box.centre - middle) < 0.3 * side)
                several += found.faces_found > 1
        result[str(side)] = {
            "pictures": places,
            "found where it is": round(hits / places, 4),
            "several found": several,
            "median milliseconds": round(1000 * float(np.median(seconds)), 1),
        }
    large = float(result[str(_LARGE_FACE)]["median milliseconds"])  # type: ignore[index]
    for told in result.values():
        told["times the large face's"] = round(told["median milliseconds"] / large, 2)  # type: ignore[index]
    return result


def people_of(faces: Path, loaded: LoadedService, *, set_aside: bool) -> dict[str, dict[str, list[Path]]]:
    """Return the photographs of each person by set; of those alone, if so asked, whom no calibration of the bundle saw.

    Raises:
        SystemExit: if the bundle does not say whom it was calibrated on.
    """
    sets = {"lfw": of_lfw(faces), "celeba": of_celeba(faces)}
    if not set_aside:
        return sets
    folder = loaded.started.built_in.folder
    records = () if folder is None else read_people(folder).records
    if not records:
        raise SystemExit("The bundle does not say whom it was calibrated on: measure on all people.")
    found = {}
    for name, people in sets.items():
        keys = [f"{name}\0{person}" if person.isdecimal() else person for person in people]
        aside = set(range(len(keys)))
        for record in records:
            aside &= record.members(keys).get(SET_ASIDE, set())
        found[name] = {person: paths for row, (person, paths) in enumerate(people.items()) if row in aside}
    return found


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--each", type=int, default=200)
    parser.add_argument("--people", choices=("all", "set-aside"), default="all")
    parser.add_argument("--measure", default=",".join(_MEASURES))
    parser.add_argument("--point", default="fmr_1e-4")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    asked = options.measure.split(",")
    if not set(asked) <= set(_MEASURES):
        parser.error(f"--measure takes some of {', '.join(_MEASURES)}")
    settings = load_settings(threads=1)
    loaded = load(settings)
    calibrations = loaded.started.loaded.snapshot.calibrations
    limits = {} if calibrations is None else {form: sorted(one.measures) for form, one in calibrations.limits.items()}
    if not limits:
        print("The bundle has no limits of its people: no face can be doubted, and nothing is inconclusive.")
    if calibrations is None:
        print("No calibrated bundle is served: there are no decisions, and shares of match say nothing.")
    faces = Path(os.environ["IDA_FACES_DIR"])
    people = people_of(faces, loaded, set_aside=options.people == "set-aside")
    bench = Bench(
        settings=settings,
        verifier=loaded.verifier(settings),
        pipeline=loaded.pipeline,
        point=None if calibrations is None else options.point,
        people=people,
        each=options.each,
    )
    result: dict[str, object] = {
        "hardware": hardware(),
        "pack": settings.pack,
        "bundle_id": loaded.started.loaded.snapshot.bundle_id,
        "face policy": settings.face_policy,
        "limits": limits,
        "people": {name: len(found) for name, found in people.items()},
    }
    for name, measure in (
        ("poor", poor),
        ("mated", mated),
        ("turned", turned),
        ("faceless", faceless),
        ("small", small),
    ):
        if name in asked:
            began = time.perf_counter()
            result[name] = measure(bench)
            print(name, json.dumps(result[name], indent=2), f"{time.perf_counter() - began:.0f} s", flush=True)
    if options.json is not None:
        options.json.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
