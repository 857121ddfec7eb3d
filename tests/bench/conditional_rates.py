"""Draw populations, calibrate strata on each by the product's own code, and see whether what is stated of them is true.

    IDA_FACES_DIR=... IDA_BUNDLE=... python tests/bench/conditional_rates.py [--part tune] [--populations 200]
        [--method cosine] [--faces FILE.npz] [--json FILE]

The world is the people of one part of both development sets (by the default shares and seed of ``ida-verify
calibrate``; choose on tune, look at the others once): their pictures as they are, copies degraded by the default
recipe, and copies degraded by means that no recipe has (``degraded_photographs.py``, a mosaic or bars). Each
population is drawn from it, people with replacement, so that the rates of the whole world are the truth that its
intervals should hold in 95 % of the draws. Curves are fitted to pictures and recipe copies; the other copies are only
looked at. ``--faces`` keeps the embeddings between runs: outside the repository.
"""

import argparse
import json
import os
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from ida_q import made_poor, taken

from models.calibration.between_sets import between_sets
from models.calibration.curve import fit_curve
from models.calibration.splits import PARTS, part_people
from models.calibration.strata_fit import choose_cuts, fit_strata
from models.calibration.vouched_tails import vouched
from models.commands.labelled_input import read_sets
from models.degrade.recipe import DEFAULT_RECIPE, find_recipe
from models.heads.ida_q.people_copies import copies_of_people
from models.labelled.comparable import Comparable
from models.labelled.embed import open_embedder
from models.labelled.files.read import read_listing
from models.labelled.labelled_faces import PairList, unit_or_zeros
from models.labelled.pairs.comparisons import Comparisons, compare_between
from models.labelled.pairs.stated_scorer import AsServed
from models.labelled.pairs.sweep import BlockScorer, ExcludedPairs, mated_pairs
from models.labelled.rates.stratify import stratify
from models.progress import unstaged
from service.arrays import Floats32, Ints
from service.bundle.reader import read_bundle, read_manifest
from service.pipeline import load_pipeline
from service.scoring.calibration import MethodCalibration
from service.scoring.methods import METHODS, Method
from service.scoring.similarity import telling_norms
from service.settings import load_settings
from service.snapshot.term_sources import open_sources

_SHARES = (0.4, 0.3, 0.3)
_KINDS = ("clean", "poor", "unseen")
_SETS = ("celeba", "lfw")
_RATES = (1e-2, 1e-3, 1e-4)
_PAIRS_OF_KINDS = {
    f"{_KINDS[one]}-{_KINDS[other]}": (one, other) for one, other in ((0, 0), (0, 1), (1, 1), (0, 2), (2, 2))
}


@dataclass(frozen=True, slots=True, eq=False)
class WorldSet:
    """The people of one set.

    Attributes:
        name: of the set.
        given: (n, d) float32 as the backbone gave them.
        people: (n,) int64, from 0 without gaps.
        pictures: (n,) int64, of which picture each is.
        kinds: (n,) int64, places in ``_KINDS``, ascending.
    """

    name: str
    given: Floats32
    people: Ints
    pictures: Ints
    kinds: Ints


def embed_world(part: str, most_unseen: int) -> list[WorldSet]:
    """Return the world's people, embedded as the service embeds them, what is known of the cache."""
    settings = load_settings()
    pipeline = load_pipeline(settings)
    dev = Path(os.environ["IDA_FACES_DIR"]) / "dev"
    paths = {"celeba": dev / "celeba", "lfw": dev / "lfw" / "images"}
    texts = [f"{name}={path}" for name, path in paths.items()]
    sets = read_sets(texts, pipeline, settings, images=None, no_cache=False, stage=unstaged)
    recipe = find_recipe(DEFAULT_RECIPE)
    assert recipe is not None
    with open_embedder(settings, pipeline, cached=True) as embedder:
        copies = copies_of_people(texts, sets, embedder, recipe, _SHARES, seed=0, images=None, stage=unstaged)
    world = []
    for labelled in sets:
        rows = part_people(labelled, _SHARES, 0)[PARTS.index(part)]
        rows = rows[labelled.detected[rows]]
        own = copies[labelled.name]
        mine = np.isin(own.rows, rows)
        root = read_listing(paths[labelled.name], None).root
        unseen, of_unseen = [], []
        # Those that have a recipe copy: pictures of people with several first.
        for row in np.random.default_rng(1).permutation(own.rows[mine])[:most_unseen].tolist():
            content = (root / labelled.images[row]).read_bytes()
            shown = taken(pipeline, settings, made_poor(content, np.random.default_rng(zlib.crc32(content))))
            if shown is not None:
                unseen.append(shown)
                of_unseen.append(row)
        scaled = own.embeddings[mine] * own.norms[mine, None]
        clean = labelled.embeddings[rows] * labelled.norms[rows, None]
        pictures = np.concatenate([rows, own.rows[mine], np.array(of_unseen, np.int64)])
        _, people = np.unique(labelled.identities[pictures], return_inverse=True)
        kinds = np.repeat(np.arange(3), [len(rows), int(mine.sum()), len(unseen)])
        given = np.concatenate([clean, scaled, np.stack(unseen)]).astype(np.float32)
        world.append(WorldSet(labelled.name, given, people, pictures, kinds))
    return world


def load_world(part: str, most_unseen: int, kept: Path | None) -> list[WorldSet]:
    """Return the world's people, from the file where it is there."""
    if kept is not None and kept.exists():
        with np.load(kept) as file:
            return [
                WorldSet(name, *(file[f"{name}_{what}"] for what in ("given", "people", "pictures", "kinds")))
                for name in _SETS
            ]
    world = embed_world(part, most_unseen)
    if kept is not None:
        arrays = {f"{one.name}_{what}": getattr(one, what) for one in world for what in WorldSet.__slots__[1:]}
        np.savez(kept, **arrays)
    return world


@dataclass(frozen=True, slots=True, eq=False)
class World:
    """One set of people, scored."""

    faces: WorldSet
    scorer: BlockScorer
    norms: Floats32

    def comparable(self, chosen: Ints, people: Ints, same: Ints) -> Comparable:
        """Return faces as a calibration has them.

        Args:
            chosen: (m,), rows.
            people: (m,), who each is in the population: one drawn twice is two people.
            same: (m,), who each is in the world: pairs of one's doubles count for nothing.
        """
        nobody = np.empty(0, np.int64)
        own = self.faces
        of_two = _among(same, people) if len(np.unique(people)) > len(np.unique(same)) else np.empty((0, 2), np.int64)
        of_picture = _among(people.astype(np.int64) * (own.pictures.max() + 1) + own.pictures[chosen], None)
        return Comparable(
            name=own.name,
            embeddings=self.scorer.embeddings[chosen],
            norms=self.norms[chosen],
            images=len(chosen),
            rows=np.arange(len(chosen)),
            identities=people,
            people=np.arange(int(people.max()) + 1),
            failed=np.zeros(int(people.max()) + 1, np.int64),
            excluded=ExcludedPairs(np.concatenate([of_two, of_picture]), np.empty((0, 2), np.int64)),
            given=None,
            lost=PairList(nobody, nobody, nobody.astype(bool)),
        )


def _among(groups: Ints, unless: Ints | None) -> Ints:
    """Return the pairs of faces (e, 2) of one group each, those that ``unless`` puts together aside."""
    first, second = mated_pairs(groups)
    if unless is not None:
        apart = unless[first] != unless[second]
        first, second = first[apart], second[apart]
    return np.stack([first, second], axis=1)


def drawn(world: World, share: float, draw: np.random.Generator) -> tuple[Ints, Ints, Ints]:
    """Return the rows of a population's faces, copies among them, and who each is there and in the world."""
    own = world.faces
    people = int(own.people.max()) + 1
    taken_people = draw.integers(0, people, max(2, round(share * people)))
    fitted = np.flatnonzero(own.kinds < 2)
    order = fitted[np.argsort(own.people[fitted], kind="stable")]
    starts = np.searchsorted(own.people[order], np.arange(people + 1))
    rows = [order[starts[person] : starts[person + 1]] for person in taken_people]
    numbers = np.repeat(np.arange(len(rows)), [len(of_person) for of_person in rows])
    chosen = np.concatenate(rows)
    # Pictures as they are first, as in a calibration.
    by_kind = np.argsort(own.kinds[chosen], kind="stable")
    return chosen[by_kind], numbers[by_kind], own.people[chosen][by_kind]


def rate_of(sets: Sequence[Comparisons], at: float) -> tuple[float, int]:
    """Return the rate of the sets' pairs that reach a score, and how many reach it."""
    reached = sum(float(found.non_mated_at_least(np.array([at]))[0]) for found in sets)
    return reached / max(1, sum(found.non_mated for found in sets)), round(reached)


def tried(worlds: Sequence[World], method: Method, share: float, seed: int) -> list[dict[str, object]]:
    """Return what one population states, and what is true of it."""
    draw = np.random.default_rng([7, seed])
    parts, originals, scorers = [], [], []
    for world in worlds:
        rows, people, same = drawn(world, share, draw)
        parts.append(world.comparable(rows, people, same))
        originals.append(int(np.count_nonzero(world.faces.kinds[rows] == 0)))
        scorers.append(world.scorer.subset(rows))
    plain = []
    for part, scorer, count in zip(parts, scorers, originals, strict=True):
        kept = np.flatnonzero(np.arange(len(part.rows)) < count)
        listed = part.excluded.faces[np.all(part.excluded.faces < count, axis=1)]
        alone = replace(
            part,
            embeddings=part.embeddings[kept],
            norms=part.norms[kept],
            rows=kept,
            identities=part.identities[kept],
            excluded=ExcludedPairs(listed, part.excluded.identities),
        )
        plain.append(alone.compare_with(scorer.subset(kept)))
    whole = fit_curve(plain).curve
    whole = replace(whole, between_sets=between_sets([(whole, plain)]))
    strata = fit_strata(parts, scorers, choose_cuts(parts))
    if strata is None:
        raise SystemExit("A population has too few pairs for strata: give a larger --share.")
    strata = vouched(strata, whole)
    told: list[dict[str, object]] = []
    whole_world, all_scorers = [], []
    for world in worlds:
        rows = np.flatnonzero(world.faces.kinds < 2)
        whole_world.append(world.comparable(rows, world.faces.people[rows], world.faces.people[rows]))
        all_scorers.append(world.scorer.subset(rows))
    truth = [stratify(part, scorer, strata.cuts) for part, scorer in zip(whole_world, all_scorers, strict=True)]
    for bands, stratum in strata.strata.items():
        sets = [found[bands] for found in truth]
        for fmr in _RATES:
            score = stratum.curve.score_of(fmr)
            stated = stratum.curve.at(score)
            rate, reached = rate_of(sets, score)
            told.append(
                {
                    "what": f"bands {strata.name(stratum)}",
                    "fmr": fmr,
                    "ratio": rate / fmr,
                    "reached": reached,
                    "holds": stated.low <= rate <= stated.high,
                    "holds_sampling": stated.sampling[0] <= rate <= stated.sampling[1],
                    "above": rate > stated.sampling[1],
                    "pairs": stratum.pairs,
                }
            )
    calibration = MethodCalibration(method.name, worlds[0].scorer.parameters, "photo", whole, (), strata)
    served = AsServed(calibration)
    for name, (one, other) in _PAIRS_OF_KINDS.items():
        compared = []
        for world in worlds:
            own = world.faces
            rows = np.flatnonzero((own.kinds == one) | (own.kinds == other))
            part = world.comparable(rows, own.people[rows], own.people[rows])
            first = int(np.count_nonzero(own.kinds[rows] == min(one, other)))
            runs = (slice(0, first), slice(0, len(rows)) if one == other else slice(first, len(rows)))
            compared.append(
                compare_between(
                    own.name,
                    served.scorer(world.scorer.subset(rows), part.norms),
                    part.identities,
                    len(part.people),
                    (runs[1], runs[1]) if one == other else runs,
                    exclude=part.excluded,
                    keep=10_000 + len(rows) ** 2 // 20,
                )
            )
        for fmr, threshold in zip(_RATES, served.scores_of(_RATES).tolist(), strict=True):
            rate, reached = rate_of(compared, threshold)
            told.append({"what": f"pictures {name}", "fmr": fmr, "ratio": rate / fmr, "reached": reached})
    return told


def summary(told: Sequence[dict[str, object]]) -> list[dict[str, object]]:
    """Return over all populations, by what and rate: coverage, and quantiles of true over stated rate."""
    rows = []
    for what, fmr in dict.fromkeys((str(one["what"]), float(str(one["fmr"]))) for one in told):
        found = [one for one in told if (one["what"], one["fmr"]) == (what, fmr)]
        ratios = np.array([one["ratio"] for one in found], np.float64)
        row: dict[str, object] = {"what": what, "fmr": fmr, "populations": len(found)}
        row["ratio"] = float(np.median(ratios))
        row["ratio_5"], row["ratio_95"] = np.quantile(ratios, [0.05, 0.95]).tolist()
        row["reached"] = float(np.median([float(str(one["reached"])) for one in found]))
        for key in ("holds", "holds_sampling", "above"):
            if key in found[0]:
                row[key] = float(np.mean([bool(one[key]) for one in found]))
        rows.append(row)
    return rows


def main(arguments: Sequence[str] | None = None) -> None:
    """Draw, fit and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--part", choices=PARTS, default="tune")
    parser.add_argument("--populations", type=int, default=200)
    parser.add_argument("--share", type=float, default=0.75, help="people drawn over people of the part")
    parser.add_argument("--unseen", type=int, default=700, help="pictures of a set degraded by other means, at most")
    parser.add_argument("--method", default="cosine")
    parser.add_argument("--faces", type=Path)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args(arguments)
    settings, method = load_settings(), METHODS[asked.method]
    bundle = read_bundle(settings.bundle, backbone_id=read_manifest(settings.bundle).backbone_id)
    sources, parameters = open_sources(bundle, device="cpu", threads=1), bundle.manifest.parameters
    worlds = []
    for own in load_world(asked.part, asked.unseen, asked.faces):
        embeddings, norms = unit_or_zeros(own.given), telling_norms(own.given)
        terms = sources.terms(embeddings, method.needs, parameters, norms).with_norms(norms, parameters)
        worlds.append(World(own, BlockScorer(embeddings, method, terms, parameters), norms))
    told: list[dict[str, object]] = []
    for seed in range(asked.populations):
        told += tried(worlds, method, asked.share, seed)
    rows = summary(told)
    print("what                     rate   true/stated [5 %, 95 %]   pairs   held   held by sampling alone   above")
    for row in rows:
        held = "  ".join(f"{float(str(row[key])):6.1%}" for key in ("holds", "holds_sampling", "above") if key in row)
        print(
            f"{row['what']!s:24} {row['fmr']:.0e}  {row['ratio']:.2f} [{row['ratio_5']:.2f}, {row['ratio_95']:.2f}]"
            f"  {row['reached']:8.0f}  {held}"
        )
    if asked.json:
        asked.json.write_text(json.dumps(rows, indent=2))


if __name__ == "__main__":
    main()
