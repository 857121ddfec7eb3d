"""Pairs of photographs that are known to show one person or two, as 640-pixel JPEG files."""

from pathlib import Path

from photographs import jpeg, portraits
from PIL import Image, ImageFilter

_LIST = "pairsDevTest.txt"


def labelled_pairs(faces: str | None, count: int) -> tuple[list[tuple[bytes, bytes]], list[bool], str]:
    """Return pairs in turns of one person and of two, which is which, and what they are in words."""
    if faces is None:
        return *_of_portraits(count), "variants of two public-domain portraits, 640-pixel JPEGs"
    folder = Path(faces) / "dev" / "lfw"
    found: dict[bool, list[tuple[Path, Path]]] = {True: [], False: []}
    for line in (folder / _LIST).read_text("utf-8").splitlines():
        parts = line.split("\t")
        if len(parts) not in (3, 4):  # the line of their number
            continue
        (first, one), (second, two) = (parts[0], parts[1]), (parts[-2] if len(parts) == 4 else parts[0], parts[-1])
        pictures = [folder / "images" / n / f"{n}_{int(i):04d}.jpg" for n, i in ((first, one), (second, two))]
        found[len(parts) == 3].append((pictures[0], pictures[1]))
    same = [number % 2 == 0 for number in range(count)]
    step = {kind: len(pairs) // count for kind, pairs in found.items()}
    chosen = [found[kind][number * step[kind]] for number, kind in enumerate(same)]
    pairs = [(jpeg(Image.open(probe)), jpeg(Image.open(reference))) for probe, reference in chosen]
    return pairs, same, f"{count} pairs of LFW view 1's test list, 640-pixel JPEGs, half of them of one person"


def _of_portraits(count: int) -> tuple[list[tuple[bytes, bytes]], list[bool]]:
    one, other = (portrait.convert("RGB") for portrait in portraits())

    def variant(portrait: Image.Image, number: int) -> bytes:
        turned = portrait.rotate((number % 7 - 3) * 2, Image.Resampling.BICUBIC)
        return jpeg(turned.filter(ImageFilter.GaussianBlur(number % 3)))

    same = [number % 2 == 0 for number in range(count)]
    pairs = []
    for number, is_one in enumerate(same):
        first = one if number % 4 < 2 else other
        second = first if is_one else (other if first is one else one)
        pairs.append((variant(first, number), variant(second, number + 3)))
    return pairs, same
