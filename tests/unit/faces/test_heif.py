"""HEIC and AVIF: the pixels of the common decoders, upright once, and nothing decoded but the picture that is shown."""

import contextlib
import io
import struct

import numpy as np
import pi_heif
import pytest
from heif_files import (
    avif,
    box,
    coded,
    container,
    flat,
    four_colours,
    grid,
    heic,
    mirror,
    rotation,
    single,
    size_property,
)
from PIL import Image

from service.choices import Gates
from service.errors import IdaError, ImageTooLarge, ImageUndecodable, UnsupportedImageType
from service.faces.pictures.decode import open_image
from service.faces.pictures.formats import format_of


def opened(data, **gates):
    return open_image(data, Gates(**gates))


def by_libheif(data):
    image = pi_heif.open_heif(data)
    return np.array(image)


def by_pillow(data):
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def scene(width=203, height=157, mode="RGB"):
    down, across = np.mgrid[:height, :width]
    channels = [127 + 120 * np.sin(across / 9 + n) * np.cos(down / 7 - n) for n in range(len(mode))]
    stored = np.stack(channels, axis=-1).astype(np.uint8)
    return Image.fromarray(stored[..., 0] if mode == "L" else stored, mode)


@pytest.mark.parametrize("chroma", [420, 422, 444])
@pytest.mark.parametrize("size", [(203, 157), (64, 64), (1, 300)])
def test_heic_has_the_pixels_that_libheif_gives(size, chroma):
    data = heic(scene(*size), chroma=chroma)

    assert format_of(data).name == "HEIC"
    assert np.array_equal(opened(data).pixels(), by_libheif(data))


@pytest.mark.parametrize("subsampling", ["4:2:0", "4:2:2", "4:4:4"])
@pytest.mark.parametrize("size", [(203, 157), (64, 64), (1, 300)])
def test_avif_has_the_pixels_that_pillow_gives(size, subsampling):
    data = avif(scene(*size), subsampling=subsampling)

    assert format_of(data).name == "AVIF"
    assert np.array_equal(opened(data).pixels(), by_pillow(data))


@pytest.mark.parametrize("write", [heic, avif])
def test_grey_has_equal_channels(write):
    pixels = opened(write(scene(mode="L"))).pixels()
    assert np.abs(pixels.astype(int) - np.asarray(scene(mode="L"))[..., None]).mean() < 4
    assert (pixels.max(axis=2) - pixels.min(axis=2)).max() <= 2


@pytest.mark.slow
def test_first_of_several_pictures_is_shown():
    file = io.BytesIO()
    scene().save(file, "AVIF", save_all=True, append_images=[scene().rotate(180)], quality=90)
    assert np.abs(opened(file.getvalue()).pixels().astype(int) - np.asarray(scene())).mean() < 4


@pytest.mark.parametrize("quarters", [0, 1, 2, 3])
@pytest.mark.parametrize("axis", [None, 0, 1])
@pytest.mark.parametrize("mirrored_first", [False, True])
@pytest.mark.parametrize("is_avif", [False, True])
def test_picture_is_turned_and_mirrored_once_as_the_container_says(is_avif, mirrored_first, axis, quarters):
    turns = [rotation(quarters), *([] if axis is None else [mirror(axis)])]
    file = (avif if is_avif else heic)(four_colours())
    data = single(file, (64, 128), *(turns[::-1] if mirrored_first else turns), is_avif=is_avif)

    upright = opened(data)

    # libheif reads the containers of both; for AVIF it lacks a decoder, so the same turns of a HEIC tell.
    oracle = by_libheif(single(heic(four_colours()), (64, 128), *(turns[::-1] if mirrored_first else turns)))
    assert (upright.height, upright.width) == upright.pixels().shape[:2] == oracle.shape[:2]
    assert np.abs(upright.pixels().astype(int) - oracle).mean() < 8


@pytest.mark.parametrize("turns", [[], [rotation(3)], [rotation(1), mirror(0)]])
def test_grid_has_the_pixels_that_libheif_gives(turns):
    whole = scene(180, 140)
    parts = [whole.crop((left, top, left + 64, top + 64)) for top in (0, 64, 128) for left in (0, 64, 128)]
    data = grid([heic(part) for part in parts], 3, (180, 140), (64, 64), turns=turns)

    assert np.array_equal(opened(data).pixels(), by_libheif(data))


def test_grid_of_avif_is_put_together():
    whole = scene(120, 100)
    parts = [whole.crop((left, top, left + 64, top + 64)) for top in (0, 64) for left in (0, 64)]
    data = grid([avif(part) for part in parts], 2, (120, 100), (64, 64), is_avif=True)

    assert np.abs(opened(data).pixels().astype(int) - np.asarray(whole)).mean() < 4


def test_clean_aperture_is_cut_out_as_libheif_does():
    clap = box(b"clap", struct.pack(">IIIIiIiI", 40, 1, 100, 1, 2, 1, -4, 1))
    data = single(heic(scene(64, 128)), (64, 128), clap)

    assert opened(data).pixels().shape == (100, 40, 3)
    assert np.array_equal(opened(data).pixels(), by_libheif(data))


@pytest.mark.parametrize("bits", ["I;16"])
def test_ten_bits_are_scaled_to_eight(bits):
    import pillow_heif

    values = np.repeat(np.linspace(0, 65535, 96).astype(np.uint16)[None, :, None], 80, axis=0).repeat(3, axis=2)
    buffer = io.BytesIO()
    pillow_heif.from_bytes("RGB;16", (96, 80), values.tobytes()).save(buffer, quality=90)

    assert np.abs(opened(buffer.getvalue()).pixels()[40, :, 0].astype(int) - values[40, :, 0] // 257).max() < 8


def refused(error, says, data, **gates):
    with pytest.raises(error, match=says):
        opened(data, **gates).pixels()


def test_container_that_belies_its_coded_picture_is_refused_before_it_is_decoded():
    file, still = heic(flat(512, 512)), avif(flat(512, 512))
    refused(ImageUndecodable, "larger than it says", single(file, (64, 64)))
    refused(ImageUndecodable, "larger than it says", single(still, (64, 64), is_avif=True))
    refused(ImageTooLarge, "limit of each side", single(file, (1 << 20, 512)))
    refused(ImageUndecodable, "another size|cannot be decoded", single(file, (500, 512)))


def test_item_of_several_pictures_is_refused():
    configuration, data = coded(heic(flat(64, 64)))
    properties = [box(b"hvcC", configuration), size_property(64, 64)]
    twice = container([(b"hvc1", data * 2, [-1, 2])], properties)
    refused(UnsupportedImageType, "several pictures", twice)
    configuration, data = coded(avif(flat(64, 64)))
    properties = [box(b"av1C", configuration), size_property(64, 64)]
    refused(
        UnsupportedImageType, "several frames", container([(b"av01", data * 2, [-1, 2])], properties, brand=b"avif")
    )


def test_grid_that_is_none_is_refused():
    tile = heic(flat(64, 64))
    refused(ImageUndecodable, "do not cover", grid([tile] * 4, 2, (400, 128), (64, 64)))
    refused(ImageUndecodable, "do not cover", grid([tile] * 4, 2, (60, 60), (64, 64)))
    refused(ImageTooLarge, "tiles", grid([tile] * 1040, 40, (2500, 1600), (64, 64)))
    named = [(b"dimg", 1, [1, 1])]
    itself = container(
        [(b"grid", struct.pack(">BBBBHH", 0, 0, 0, 1, 128, 64), [1])], [size_property(64, 64)], references=named
    )
    refused(UnsupportedImageType, "unusual|not read", itself)


@pytest.mark.slow
def test_items_that_share_their_bytes_are_refused():
    noise = Image.fromarray(np.random.default_rng(1).integers(0, 256, (512, 512, 3), dtype=np.uint8))
    data = grid([heic(noise, quality=100)] * 64, 8, (4096, 4096), (512, 512), shared=True)
    refused(ImageUndecodable, "more bytes than the file", data)


@pytest.mark.slow
def test_slices_count_as_passes_over_the_picture():
    configuration, data = coded(heic(flat(2048, 2048)))
    at, units = 0, []
    while at < len(data):
        end = at + 4 + int.from_bytes(data[at : at + 4])
        units.append(data[at:end])
        at = end
    again = bytearray(units[-1])
    again[6] &= 0x7F  # no first slice of its picture
    data += bytes(again) * 10
    properties = [box(b"hvcC", configuration), size_property(2048, 2048)]
    refused(ImageTooLarge, "takes longer to decode", container([(b"hvc1", data, [-1, 2])], properties))


def test_property_that_must_be_known_and_is_not_is_refused_by_its_name():
    refused(UnsupportedImageType, "'lsel'", single(heic(flat(64, 64)), (64, 64), box(b"lsel", b"\0\1")))
    refused(UnsupportedImageType, "'iovl'", container([(b"iovl", b"", [1])], [size_property(64, 64)]))


def test_file_without_a_still_is_refused():
    head = box(b"ftyp", b"msf1" + bytes(4) + b"hevc")
    refused(UnsupportedImageType, "moving", head + box(b"moov", bytes(8)))


@pytest.mark.parametrize("write", [heic, avif])
def test_file_cut_short_anywhere_is_undecodable(write):
    data = write(scene())
    for end in (*range(24, 600, 7), len(data) // 2, len(data) - 1):
        refused((ImageUndecodable, UnsupportedImageType), "damaged|not read|moving", data[:end])


@pytest.mark.slow
@pytest.mark.parametrize("write", [heic, avif])
def test_changed_bytes_of_the_container_never_give_an_unforeseen_fault(write):
    data, random = write(scene(64, 64)), np.random.default_rng(3)
    for _ in range(300):
        changed = bytearray(data)
        for at in random.integers(0, min(len(data), 700), 3):
            changed[at] = random.integers(256)
        with contextlib.suppress(IdaError):
            opened(bytes(changed), max_image_pixels=1 << 20).pixels()
