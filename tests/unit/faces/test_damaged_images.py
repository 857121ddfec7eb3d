"""Files that are damaged, or that a decoder chokes on: refused, each alone; harmless oddities are not."""

import io

import numpy as np
import pytest
from hostile_jpegs import damaged, segment
from PIL import Image

from service.choices import Gates
from service.errors import ImageUndecodable, UnsupportedImageType
from service.faces.pictures import jpeg_file, png_file
from service.faces.pictures.decode import decode_crop, open_image


def photograph(kind="JPEG", size=(96, 80), mode="RGB", **options):
    down, across = np.mgrid[: size[1], : size[0]]
    wave = 127 + 60 * np.sin(across / 3) + 60 * np.cos(down / 5)
    picture = Image.fromarray(np.stack([wave, wave[:, ::-1], wave[::-1]], axis=-1).astype(np.uint8)).convert(mode)
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def pixels(data, **options):
    return open_image(data, Gates(**options)).pixels()


def changed(jpeg, at, *bytes_there):
    return jpeg[:at] + bytes(bytes_there) + jpeg[at + len(bytes_there) :]


def scan(jpeg):
    """Where the first scan's header starts."""
    return jpeg.index(b"\xff\xda")


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_blocks": 3}, {"mode": "CMYK"}])
def test_jpeg_with_lost_data_is_undecodable(options):
    with pytest.raises(ImageUndecodable, match="damaged or cut short"):
        pixels(damaged(photograph(**options)))


@pytest.mark.parametrize("reduction", [2, 4, 8])
def test_jpeg_with_lost_data_is_undecodable_where_it_is_decoded_reduced(reduction):
    with pytest.raises(ImageUndecodable):
        open_image(damaged(photograph()), Gates()).pixels(reduction)


def test_crop_with_lost_data_is_undecodable():
    with pytest.raises(ImageUndecodable):
        decode_crop(damaged(photograph(size=(112, 112), restart_marker_blocks=3)), Gates())


@pytest.mark.parametrize("ends", [2, 400])
def test_jpeg_without_its_end_is_undecodable(ends):
    with pytest.raises(ImageUndecodable):
        pixels(photograph()[:-ends])


def test_damaged_jpeg_is_shown_to_who_accepts_damage():
    assert pixels(damaged(photograph()), damaged_images="accept").shape == (80, 96, 3)
    assert decode_crop(damaged(photograph(size=(112, 112))), Gates(damaged_images="accept")).shape == (112, 112, 3)


def test_what_is_no_jpeg_is_undecodable_to_who_accepts_damage():
    with pytest.raises(ImageUndecodable):
        pixels(photograph()[:200], damaged_images="accept")


HARMLESS = {
    "data behind the end": lambda jpeg: jpeg + b"\0\1\2" * 50,
    "another picture behind the end": lambda jpeg: jpeg + jpeg,
    "fill bytes before a marker": lambda jpeg: jpeg[: scan(jpeg)] + b"\xff" * 9 + jpeg[scan(jpeg) :],
    "stray bytes between segments": lambda jpeg: jpeg[: scan(jpeg)] + b"\0\1\2" + jpeg[scan(jpeg) :],
    "a revision of JFIF that there is not": lambda jpeg: changed(jpeg, jpeg.index(b"JFIF\0") + 5, 9),
    "a transform of Adobe that there is not": lambda jpeg: (
        jpeg[:2] + segment(0xEE, b"Adobe\0\x64\0\0\0\0\7") + jpeg[2:].replace(jpeg[2:20], b"", 1)
    ),
    "a spectral selection in a baseline scan": lambda jpeg: changed(jpeg, scan(jpeg) + 11, 0, 0, 0),
}


@pytest.mark.parametrize("change", HARMLESS)
def test_jpeg_with_an_oddity_that_loses_no_pixel_is_read(change):
    jpeg = photograph()

    assert np.array_equal(pixels(HARMLESS[change](jpeg)), pixels(jpeg))


def test_jpeg_whose_channels_are_sampled_in_an_unusual_way_is_named():
    with pytest.raises(UnsupportedImageType, match="sampled"):
        pixels(photograph(mode="CMYK", subsampling=2))


@pytest.mark.parametrize("error", [MemoryError, RecursionError, OverflowError, RuntimeError, TypeError])
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_whatever_a_decoder_raises_is_the_fault_of_its_picture(monkeypatch, kind, error):
    def fail(*_, **__):
        raise error("in a decoder")

    monkeypatch.setattr(jpeg_file.simplejpeg, "decode_jpeg", fail)
    monkeypatch.setattr(png_file.Image, "open", fail)

    with pytest.raises(ImageUndecodable):
        pixels(photograph(kind))


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "BMP"])
def test_header_that_is_cut_short_anywhere_is_refused(kind):
    data = photograph(kind, size=(20, 10))
    for length in range(20, min(len(data), 70)):
        with pytest.raises((ImageUndecodable, UnsupportedImageType)):
            pixels(data[:length])
