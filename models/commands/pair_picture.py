"""A compared pair as a picture: the photographs with what was found in them, the crops, and the answer in words."""

import io
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from models.output import writing
from models.tool_errors import ReportNotWritten
from service.arrays import ImageArray
from service.faces.types import AlignedFace, Box
from service.scoring.decision import Decision

Placing = Callable[[float, float], tuple[float, float]]
"""From pixels of a photograph to those of its drawing."""

WIDTH = 1240
_MARGIN = 24
_CROP = 168
_BODY, _CAPTION, _VERDICT = 19, 20, 34
# Small photographs are enlarged no further: their pixels would be all that is seen.
_MOST_ENLARGED = 6.0
_LEAST_BOX = 10.0
_LEAST_LETTERS = 8
_PAPER, _INK, _FAINT = "#ffffff", "#1b1b1b", "#5c5c5c"
# Of Okabe and Ito's colours (2008), which colour-blind people tell apart; words say the same.
_CHOSEN, _OTHER, _POINT = "#009E73", "#E69F00", "#F0E442"
_VERDICTS: dict[Decision | None, str] = {
    "match": "#00734f",
    "non_match": "#a03c00",
    "inconclusive": "#6d5a00",
    None: "#444444",
}


@dataclass(frozen=True, slots=True, eq=False)
class ShownPicture:
    """One photograph of a pair, and what became of it.

    Attributes:
        caption: which it is, and of which file.
        pixels: (height, width, 3) uint8, RGB, upright by its EXIF orientation; None where it cannot be read.
        face: the chosen face, in pixels of ``pixels``; None where none was used.
        notes: what is told of it.
    """

    caption: str
    pixels: ImageArray | None
    face: AlignedFace | None
    notes: tuple[str, ...] = ()


def check_picture_path(path: Path, *, force: bool) -> None:
    """Refuse a file that the picture cannot or must not be written to, before anything is computed.

    Raises:
        ReportNotWritten: if it is no .png, lies in no folder, or is there and was not to be written over.
    """
    if path.suffix.lower() != ".png":
        raise ReportNotWritten(f"{path}: the picture is a PNG, give it a name that ends in .png.")
    if path.is_dir() or not path.resolve().parent.is_dir():
        raise ReportNotWritten(f"{path} cannot be written: it is a folder, or lies in one that is not there.")
    if path.exists() and not force:
        raise ReportNotWritten(f"{path} is there already. Give another name, or --force to write over it.")


def write_pair_picture(
    path: Path, pictures: Sequence[ShownPicture], decision: Decision | None, verdict: str, sentences: Sequence[str]
) -> None:
    """Draw a compared pair and write it as a PNG.

    Args:
        path: where to.
        pictures: the probe, then the reference or the references.
        decision: colours the verdict.
        verdict: stands at the top.
        sentences: what the answer says, below the verdict.

    Raises:
        ReportNotWritten: if the disk does not take it.
    """
    columns = 2 if len(pictures) == 2 else 3
    side = (WIDTH - _MARGIN * (columns + 1)) // columns
    cells = [_cell(picture, side) for picture in pictures]
    head = _head(decision, verdict, sentences)
    rows = [cells[at : at + columns] for at in range(0, len(cells), columns)]
    height = head.height + sum(max(cell.height for cell in row) + _MARGIN for row in rows) + _MARGIN
    sheet = Image.new("RGB", (WIDTH, height), _PAPER)
    sheet.paste(head, (0, 0))
    top = head.height + _MARGIN
    for row in rows:
        for place, cell in enumerate(row):
            sheet.paste(cell, (_MARGIN + place * (side + _MARGIN), top))
        top += max(cell.height for cell in row) + _MARGIN
    # Whole before it is written: a full disk leaves no half of a picture in the place of another.
    encoded = io.BytesIO()
    sheet.save(encoded, "PNG")
    with writing(path):
        path.write_bytes(encoded.getvalue())


def _head(decision: Decision | None, verdict: str, sentences: Sequence[str]) -> Image.Image:
    lines = _wrapped(verdict, WIDTH - 2 * _MARGIN, _VERDICT)
    body = [line for text in sentences for line in _wrapped(text, WIDTH - 2 * _MARGIN, _BODY)]
    band = _MARGIN + len(lines) * round(_VERDICT * 1.3)
    head = Image.new("RGB", (WIDTH, band + _MARGIN // 2 + len(body) * round(_BODY * 1.5)), _PAPER)
    draw = ImageDraw.Draw(head)
    draw.rectangle((0, 0, WIDTH, band), fill=_VERDICTS[decision])
    _write(draw, (_MARGIN, _MARGIN // 2), lines, _VERDICT, 1.3, _PAPER)
    _write(draw, (_MARGIN, band + _MARGIN // 2), body, _BODY, 1.5, _INK)
    return head


def _cell(picture: ShownPicture, side: int) -> Image.Image:
    caption = _wrapped(picture.caption, side, _CAPTION)
    photograph = _photograph(picture, side)
    crop_width = _CROP if picture.face is not None else 0
    notes = [
        line for text in picture.notes for line in _wrapped(text, side - crop_width - _MARGIN * bool(crop_width), _BODY)
    ]
    top = len(caption) * round(_CAPTION * 1.4) + 6
    below = max(_CROP if picture.face is not None else 0, len(notes) * round(_BODY * 1.4))
    cell = Image.new("RGB", (side, top + photograph.height + 12 + below), _PAPER)
    draw = ImageDraw.Draw(cell)
    _write(draw, (0, 0), caption, _CAPTION, 1.4, _INK)
    cell.paste(photograph, ((side - photograph.width) // 2, top))
    foot = top + photograph.height + 12
    if picture.face is not None:
        crop = Image.fromarray(picture.face.crop).resize((_CROP, _CROP), Image.Resampling.BICUBIC)
        cell.paste(crop, (0, foot))
        draw.rectangle((0, foot, _CROP - 1, foot + _CROP - 1), outline=_CHOSEN, width=3)
    _write(draw, (crop_width + (_MARGIN if crop_width else 0), foot), notes, _BODY, 1.4, _FAINT)
    return cell


def _photograph(picture: ShownPicture, side: int) -> Image.Image:
    """Return the photograph as large as the cell, its chosen face upright, with boxes and points."""
    if picture.pixels is None:
        blank = Image.new("RGB", (side, side // 3), "#dddddd")
        _write(ImageDraw.Draw(blank), (12, 12), ["cannot be shown"], _BODY, 1.4, _INK)
        return blank
    image, face = Image.fromarray(picture.pixels), picture.face
    width, height = image.size
    quarters = 0 if face is None else face.rotated_by // 90
    turned_size = (height, width) if quarters % 2 else (width, height)
    scale = min(side / turned_size[0], side * 1.1 / turned_size[1], _MOST_ENLARGED)
    # Scaled before it is turned, so that a large photograph is turned as a small one.
    image = image.resize((max(1, round(width * scale)), max(1, round(height * scale))), Image.Resampling.LANCZOS)
    image = image.rotate(-90 * quarters, expand=True)
    if face is None:
        return image
    draw = ImageDraw.Draw(image)

    def place(x: float, y: float) -> tuple[float, float]:
        at, size = (x, y), (float(width), float(height))
        for _ in range(quarters):  # a quarter clockwise brings the left edge to the top
            at, size = (size[1] - at[1], at[0]), (size[1], size[0])
        return at[0] * scale, at[1] * scale

    for other in face.others:
        _box(draw, place, other, _OTHER, 2)
    _box(draw, place, face.face.box, _CHOSEN, 4)
    if face.others:
        left, top = _corners(place, face.face.box)[:2]
        _tag(draw, (max(0.0, left), max(0.0, top - 24)), "chosen")
    for x, y in () if face.face.landmarks is None else face.face.landmarks.tolist():
        # A whole coordinate of a point is the centre of a pixel, of a box its edge.
        across, down = place(x + 0.5, y + 0.5)
        draw.ellipse((across - 4, down - 4, across + 4, down + 4), fill=_POINT, outline="black")
    return image


def _corners(place: Placing, box: Box) -> tuple[float, float, float, float]:
    across, down = zip(place(box.left, box.top), place(box.right, box.bottom), strict=True)
    left, right, top, bottom = min(across), max(across), min(down), max(down)
    # A face that is tiny in a large photograph is still pointed at.
    more = max(0.0, (_LEAST_BOX - min(right - left, bottom - top)) / 2)
    return left - more, top - more, right + more, bottom + more


def _box(draw: ImageDraw.ImageDraw, place: Placing, box: Box, colour: str, width: int) -> None:
    left, top, right, bottom = _corners(place, box)
    draw.rectangle((left - 1, top - 1, right + 1, bottom + 1), outline="black", width=width + 2)
    draw.rectangle((left, top, right, bottom), outline=colour, width=width)


def _tag(draw: ImageDraw.ImageDraw, at: tuple[float, float], text: str) -> None:
    box = draw.textbbox(at, text, font=_font(_BODY))
    draw.rectangle((box[0] - 4, box[1] - 3, box[2] + 4, box[3] + 3), fill=_CHOSEN)
    draw.text(at, text, fill="white", font=_font(_BODY))


def _write(
    draw: ImageDraw.ImageDraw, at: tuple[int, int], lines: Sequence[str], size: int, leading: float, colour: str
) -> None:
    for number, line in enumerate(lines):
        draw.text((at[0], at[1] + number * round(size * leading)), line, fill=colour, font=_font(size))


def _wrapped(text: str, width: int, size: int) -> list[str]:
    """Return the lines of a text that fit into a width in pixels; paths are broken where nothing else fits."""
    # What the font lacks would be boxes.
    shown = "".join(letter if " " <= letter <= "~" or letter.isalpha() else "?" for letter in text)
    longest = max(_LEAST_LETTERS, round(width / (size * 0.4)))
    while longest > _LEAST_LETTERS:
        lines = textwrap.wrap(shown, longest)
        if all(_font(size).getlength(line) <= width for line in lines):
            break
        longest -= 1
    return textwrap.wrap(shown, longest) or [""]


@cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
