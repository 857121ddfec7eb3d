"""How often the liveness part errs on the operator's own pictures, by the terms of ISO/IEC 30107-3.

The rules, by which the policy ``require`` works too: a picture that gives a verdict is a response, and any other (no
face, a file that cannot be read) a non-response, which counts in APNRR or BPNRR and in no other rate. An attack errs
where its verdict is live; a bona fide presentation errs where it is not, so ``uncertain`` is an error of the bona fide
alone.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from models.images.image_folder import DECODER_FAILURES, UNREADABLE, in_order, read_image, scan
from models.labelled.rates.interval import Interval
from models.progress import Stage
from models.tool_errors import LabelsInvalid
from service.errors import InputError
from service.faces.types import Liveness

BONA_FIDE, ATTACKS = "bona_fide", "attacks"
_LAYOUT = (
    f"Put live people's pictures into {BONA_FIDE}/, and each kind of attack into a folder of its own, {ATTACKS}/KIND/."
)

Assess = Callable[[bytes], Liveness]
"""A picture's bytes to what the liveness part says of its face; raises InputError for one that has none."""


@dataclass(frozen=True, slots=True)
class Presentation:
    """One picture.

    Attributes:
        path: relative to the evaluated folder, with slashes.
        liveness: what was said of it; None for a non-response.
        rejected: why there is no response, an error's code; None for a response.
    """

    path: str
    liveness: Liveness | None
    rejected: str | None


@dataclass(frozen=True, slots=True)
class PresentationGroup:
    """Presentations of one kind: the bona fide, or one kind of attack.

    Attributes:
        kind: the attack's, by its folder; "bona_fide" for the others.
        presentations: in order of their path.
        other_files: files in the folder whose suffix is no picture's.
    """

    kind: str
    presentations: Sequence[Presentation]
    other_files: int

    @property
    def verdicts(self) -> Mapping[str, int]:
        """How many got each verdict."""
        return Counter(found.liveness.verdict for found in self.presentations if found.liveness)

    @property
    def reasons(self) -> Mapping[str, int]:
        """Why how many are uncertain."""
        return Counter(
            found.liveness.reason for found in self.presentations if found.liveness and found.liveness.reason
        )

    @property
    def rejected(self) -> Mapping[str, int]:
        """Why how many gave no response."""
        return Counter(found.rejected for found in self.presentations if found.rejected)

    @property
    def responses(self) -> int:
        """How many gave one."""
        return sum(self.verdicts.values())

    @property
    def error_rate(self) -> Interval | None:
        """APCER of a kind of attack, BPCER of the bona fide; None where there was no response."""
        live = self.verdicts.get("live", 0)
        return share(self.responses - live if self.kind == BONA_FIDE else live, self.responses)

    @property
    def uncertain_share(self) -> Interval | None:
        """Share of the responses that are uncertain; None where there was none."""
        return share(self.verdicts.get("uncertain", 0), self.responses)

    @property
    def non_response_rate(self) -> Interval | None:
        """APNRR or BPNRR."""
        return share(sum(self.rejected.values()), len(self.presentations))


@dataclass(frozen=True, slots=True)
class AttackFolder:
    """What is evaluated: for each group its folder, bona fide first and then each kind of attack by its name."""

    root: Path
    folders: Mapping[str, Path]

    @classmethod
    def read(cls, root: Path) -> Self:
        """Return what lies in a folder.

        Raises:
            LabelsInvalid: if it has another layout than was documented, so that no picture is left out unnoticed.
        """
        try:
            found = {path.name: path for path in sorted(root.iterdir()) if not path.name.startswith(".")}
            unknown = sorted(found.keys() - {BONA_FIDE, ATTACKS})
            kinds = sorted(found[ATTACKS].iterdir()) if ATTACKS in found else []
        except OSError as error:
            raise LabelsInvalid(f"{error.filename or root} cannot be read as a folder ({error.strerror}).") from error
        if unknown or not found:
            named = f"holds {', '.join(unknown[:5])}" if unknown else "is empty"
            raise LabelsInvalid(f"{root} {named}. {_LAYOUT}")
        kinds = [path for path in kinds if not path.name.startswith(".")]
        loose = [
            path.name for path in (*kinds, *(found[name] for name in found if name == BONA_FIDE)) if not path.is_dir()
        ]
        if loose:
            raise LabelsInvalid(f"{', '.join(loose[:5])} lies in no folder of its kind. {_LAYOUT}")
        folders = {BONA_FIDE: found[BONA_FIDE]} if BONA_FIDE in found else {}
        for path in kinds:
            if path.name == BONA_FIDE:
                raise LabelsInvalid(f"A kind of attack is called {BONA_FIDE}. Give it another name.")
            folders[path.name] = path
        if not folders:
            raise LabelsInvalid(f"{root} holds no pictures. {_LAYOUT}")
        return cls(root, folders)


def measure_attacks(
    folder: AttackFolder, assess: Assess, *, max_image_bytes: int, workers: int, stage: Stage
) -> list[PresentationGroup]:
    """Ask the liveness part about every picture.

    Args:
        folder: the pictures.
        assess: safe to call from several threads.
        max_image_bytes: no more of a file than this and one byte is read.
        workers: threads, 1 or more.
        stage: told what begins.

    Raises:
        LabelsInvalid: if a folder holds no picture.
        InferenceFailed: if a network fails.
    """
    return [
        _measured(folder.root, kind, path, assess, max_image_bytes, workers, stage)
        for kind, path in folder.folders.items()
    ]


def worst(groups: Sequence[PresentationGroup]) -> PresentationGroup | None:
    """Return the kind of attack with the highest APCER, of equal ones the first; None without a response to any."""
    attacks = [group for group in groups if group.kind != BONA_FIDE and group.responses]
    return max(attacks, key=lambda group: group.error_rate.value if group.error_rate else 0.0, default=None)


def share(part: int, total: int) -> Interval | None:
    """Return a share with its exact 95 % interval by Clopper and Pearson (1934); None of nothing.

    The interval takes presentations for independent: those of one person or one mask are less than that, and their true
    interval is wider.
    """
    if not total:
        return None
    # Here, because it takes a quarter of a second to load.
    from scipy.stats import binomtest  # noqa: PLC0415

    ends = binomtest(part, total).proportion_ci(confidence_level=0.95, method="exact")
    return Interval(part / total, float(ends.low), float(ends.high))


def _measured(
    root: Path, kind: str, path: Path, assess: Assess, max_image_bytes: int, workers: int, stage: Stage
) -> PresentationGroup:
    found = scan(path)
    if not found.images:
        raise LabelsInvalid(f"{path} holds no pictures. {_LAYOUT}")
    within = path.relative_to(root)

    def look(image: Path) -> Presentation:
        name = (within / image).as_posix()
        try:
            return Presentation(name, assess(read_image(path / image, max_image_bytes)), None)
        except InputError as error:
            return Presentation(name, None, error.code)
        except (OSError, *DECODER_FAILURES):
            return Presentation(name, None, UNREADABLE)

    tick = stage(kind)
    presentations = []
    for presentation in in_order(look, found.images, workers=workers):
        presentations.append(presentation)
        tick(len(presentations) / len(found.images))
    return PresentationGroup(kind, presentations, found.other_files)
