"""From the items of a source to batches of aligned crops, and the count of what became of them."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import JsonValue

from models.anchors.source import Item
from models.degrade.copies import CopyPlan, crops_of
from models.images.image_folder import DECODER_FAILURES, UNREADABLE, UNREADABLE_CODES, in_order
from service.arrays import ImageArray
from service.errors import InputError
from service.pipeline import FacePipeline


@dataclass(frozen=True, slots=True)
class Crops:
    """What one item gave.

    Attributes:
        group: what its counts are added to.
        crops: aligned crops (112, 112, 3) uint8, RGB; none where every picture was rejected.
        rejected: why pictures were rejected, an error's code or "unreadable" for each.
        unreadable: those of them that could not be read, each with its reason.
    """

    group: str
    crops: tuple[ImageArray, ...]
    rejected: tuple[str, ...]
    unreadable: tuple[str, ...] = ()


def stream_crops(items: Iterable[Item], pipeline: FacePipeline, plan: CopyPlan, *, workers: int) -> Iterator[Crops]:
    """Yield what each item gives, in their order.

    Args:
        items: the items.
        pipeline: the service's own.
        plan: which crops are made of each.
        workers: threads that read, detect, degrade and align.
    """

    def run(item: Item) -> Crops:
        rejected: list[tuple[str, str]] = []
        made: tuple[ImageArray, ...] = ()
        for picture in item.pictures:
            try:
                made = tuple(crops_of(picture.read(pipeline.decode), picture.name, pipeline, plan))
            except InputError as error:
                rejected.append((picture.name, error.code))
            except (OSError, *DECODER_FAILURES):
                rejected.append((picture.name, UNREADABLE))
            else:
                break
        unreadable = tuple(f"{name} ({reason})" for name, reason in rejected if reason in UNREADABLE_CODES)
        return Crops(item.group, made, tuple(reason for _, reason in rejected), unreadable)

    return in_order(run, items, workers=workers)


@dataclass(slots=True)
class Tally:
    """Counts of what became of pictures, by group.

    Attributes:
        items: items that were taken from the source.
        groups: by group, the number of images, of anchors, and of rejected images by reason.
        unreadable: pictures that could not be read, each with its reason; of this run, not of an interrupted one.
    """

    items: int = 0
    groups: dict[str, dict[str, Any]] = field(default_factory=dict)
    unreadable: list[str] = field(default_factory=list)

    def add(self, group_name: str, crops: int, rejected: Iterable[str]) -> None:
        """Count what an item gave: its group, its crops, and why pictures of it were rejected."""
        reasons = tuple(rejected)
        self.items += 1
        group = self.groups.setdefault(group_name, {"images": 0, "anchors": 0, "rejected": {}})
        group["images"] += len(reasons) + bool(crops)
        group["anchors"] += crops
        for reason in reasons:
            group["rejected"][reason] = group["rejected"].get(reason, 0) + 1

    @property
    def images(self) -> int:
        """Images that were looked at."""
        return sum(group["images"] for group in self.groups.values())

    @property
    def anchors(self) -> int:
        """Embeddings that there are."""
        return sum(group["anchors"] for group in self.groups.values())

    @property
    def rejected(self) -> Mapping[str, int]:
        """Rejected images by reason."""
        total: Counter[str] = Counter()
        for group in self.groups.values():
            total.update(group["rejected"])
        return total

    def by_group(self) -> list[JsonValue]:
        """Return the counts of each group, sorted by its name."""
        return [
            {
                "folder": name,
                "images": group["images"],
                "anchors": group["anchors"],
                "rejected": dict(sorted(group["rejected"].items())),
            }
            for name, group in sorted(self.groups.items())
        ]


def reasons(rejected: Mapping[str, int]) -> str:
    """Return how many were rejected for what, for people."""
    return ", ".join(f"{reason} {count}" for reason, count in sorted(rejected.items()))
