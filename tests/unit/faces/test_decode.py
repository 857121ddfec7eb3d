import io
import struct
import warnings
import zlib
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from service.choices import Gates
from service.errors import ImageTooLarge, ImageUndecodable, InvalidCrop, UnsupportedImageType
from service.faces.pictures.decode import decode_crop, open_image

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def encoded(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def read(data, max_bytes=1 << 20, max_pixels=1 << 20):
    file = open_image(data, Gates(max_image_bytes=max_bytes, max_image_pixels=max_pixels))
    return SimpleNamespace(pixels=file.pixels(), exif_rotated=file.exif_rotated)


def png(width, height, depth, colour_type, rows):
    """A PNG written by hand, for what Pillow does not write."""

    def chunk(name, body):
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0)
    body = zlib.compress(b"".join(b"\0" + row for row in rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


@pytest.fixture
def gradient():
    """A smooth picture, 48 wide and 32 high, that lossy formats keep nearly as it is."""
    down, across = np.mgrid[:32, :48]
    return Image.fromarray(np.stack([across * 5, down * 7, (across + down) * 3], axis=-1).astype(np.uint8))


@pytest.mark.parametrize(("kind", "tolerance"), [("JPEG", 8), ("PNG", 0), ("WEBP", 12), ("BMP", 0)])
def test_decode_of_each_supported_type_gives_the_picture(gradient, kind, tolerance):
    image = read(encoded(gradient, kind))

    assert image.pixels.shape == (32, 48, 3)
    assert image.pixels.dtype == np.uint8
    assert np.abs(image.pixels.astype(int) - np.asarray(gradient).astype(int)).max() <= tolerance
    assert not image.exif_rotated


def test_decode_of_a_multi_picture_jpeg_gives_the_first_picture():
    first, second = Image.new("RGB", (32, 16), RED), Image.new("RGB", (32, 16), BLUE)

    image = read(encoded(first, "MPO", save_all=True, append_images=[second]))

    assert image.pixels.shape == (16, 32, 3)
    assert image.pixels[8, 8] == pytest.approx(RED, abs=3)


# Where the four corners of the stored picture lie once it is upright, as the EXIF standard words it: the stored first
# row and first column are the upright picture's (top, left), (top, right), (bottom, right), and so on.
@pytest.mark.parametrize(
    ("orientation", "turned"),
    [
        (1, lambda stored: stored),
        (2, lambda stored: stored[:, ::-1]),
        (3, lambda stored: stored[::-1, ::-1]),
        (4, lambda stored: stored[::-1]),
        (5, lambda stored: stored.transpose(1, 0, 2)),
        (6, lambda stored: stored.transpose(1, 0, 2)[:, ::-1]),
        (7, lambda stored: stored[::-1, ::-1].transpose(1, 0, 2)),
        (8, lambda stored: stored.transpose(1, 0, 2)[::-1]),
    ],
)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_decode_with_an_exif_orientation_gives_the_upright_picture(orientation, turned, kind):
    stored = np.zeros((32, 64, 3), np.uint8)
    stored[:16, :32], stored[:16, 32:], stored[16:, :32], stored[16:, 32:] = RED, GREEN, BLUE, WHITE
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"PNG": {}, "JPEG": {"quality": 95, "subsampling": 0}, "WEBP": {"lossless": True}}[kind]

    image = read(encoded(Image.fromarray(stored), kind, exif=exif, **options))

    assert image.exif_rotated == (orientation != 1)
    assert image.pixels.shape == turned(stored).shape
    assert np.abs(image.pixels.astype(int) - turned(stored).astype(int)).mean() < 3


@pytest.mark.parametrize("orientation", [0, 9, 1000])
def test_decode_with_an_orientation_out_of_range_leaves_the_picture(gradient, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation

    image = read(encoded(gradient, "PNG", exif=exif))

    assert image.pixels.shape == (32, 48, 3)
    assert not image.exif_rotated


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data:UserWarning")
def test_decode_with_damaged_exif_leaves_the_picture(gradient):
    data = encoded(gradient, "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\x7f")

    assert read(data).pixels.shape == (32, 48, 3)


def test_decode_of_grey_gives_equal_channels():
    data = encoded(Image.fromarray(np.array([[0, 100, 255]], np.uint8)), "PNG")

    assert read(data).pixels.tolist() == [[[0] * 3, [100] * 3, [255] * 3]]


def test_decode_of_one_bit_gives_black_and_white():
    data = encoded(Image.fromarray(np.array([[True, False]])), "PNG")

    assert read(data).pixels.tolist() == [[[255] * 3, [0] * 3]]


def test_decode_of_sixteen_bit_grey_scales_instead_of_clipping():
    data = encoded(Image.fromarray(np.array([[0, 257, 0x8080, 65535]], np.uint16)), "PNG")

    assert read(data).pixels[0, :, 0].tolist() == [0, 1, 128, 255]


def test_decode_of_sixteen_bit_colour_scales():
    data = png(2, 1, 16, 2, [struct.pack(">6H", 0, 0x8080, 65535, 257, 65535, 0)])

    assert read(data).pixels.tolist() == [[[0, 128, 255], [1, 255, 0]]]


def test_decode_of_sixteen_bit_colour_with_alpha_lies_over_white():
    data = png(2, 1, 16, 6, [struct.pack(">8H", 65535, 0, 0, 65535, 0, 0, 0, 0)])

    assert read(data).pixels.tolist() == [[list(RED), list(WHITE)]]


DEEP = {"grey": 0, "colour": 2, "grey with alpha": 4, "colour with alpha": 6}


def deep_png(values, colour, alpha=65535):
    """A PNG of 16 bits of (height, width) values, each channel the same."""
    channels = {0: 1, 2: 3, 4: 2, 6: 4}[colour]
    stored = np.repeat(values[:, :, None], channels, axis=2).astype(">u2")
    if colour & 4:
        stored[..., -1] = alpha
    return png(values.shape[1], values.shape[0], 16, colour, [row.tobytes() for row in stored])


@pytest.mark.parametrize("colour", DEEP.values(), ids=DEEP)
@pytest.mark.parametrize(
    ("bits", "depth"), [(8, 8), (9, 10), (10, 10), (12, 12), (13, 14), (14, 14), (15, 16), (16, 16)]
)
def test_decode_of_fewer_bits_in_sixteen_scales_from_the_depth_that_a_camera_has(colour, bits, depth):
    values = np.linspace(0, (1 << bits) - 1, 60).reshape(6, 10).astype(np.uint16)

    pixels = read(deep_png(values, colour)).pixels

    assert (pixels == (values >> (depth - 8))[:, :, None]).all()


def test_decode_of_twelve_bits_with_alpha_lies_over_white_by_all_of_its_alpha():
    values = np.full((1, 2), 0xFFF, np.uint16)

    for colour in (4, 6):
        assert read(deep_png(0 * values, colour, alpha=0)).pixels.tolist() == [[list(WHITE)] * 2]
        assert read(deep_png(values, colour)).pixels.tolist() == [[list(WHITE)] * 2]
        assert read(deep_png(0 * values + 0x7FF, colour)).pixels.tolist() == [[[127] * 3] * 2]


@pytest.mark.slow
def test_decode_of_large_colours_of_few_bits_is_refused_and_of_all_bits_is_not():
    dark, bright = (png(2500, 2500, 16, 2, [bytes((high, 0)) * 7500] * 2500) for high in (8, 200))

    with pytest.raises(ImageTooLarge, match=r"14 or fewer of 16 bits.*Save it with 8 bits"):
        read(dark, max_pixels=1 << 23)
    assert read(bright, max_pixels=1 << 23).pixels[0, 0].tolist() == [200] * 3


def test_decode_of_alpha_lies_over_white():
    picture = Image.fromarray(np.array([[[255, 0, 0, 255], [255, 0, 0, 0], [0, 0, 0, 128]]], np.uint8), "RGBA")

    pixels = read(encoded(picture, "PNG")).pixels

    assert pixels[0, :2].tolist() == [list(RED), list(WHITE)]
    assert pixels[0, 2] == pytest.approx([127] * 3, abs=1)


def test_decode_of_grey_with_alpha_lies_over_white():
    picture = Image.fromarray(np.array([[[10, 255], [10, 0]]], np.uint8), "LA")

    assert read(encoded(picture, "PNG")).pixels.tolist() == [[[10] * 3, [255] * 3]]


def test_decode_of_a_palette_with_transparency_lies_over_white():
    picture = Image.new("P", (2, 1))
    picture.putpalette([*RED, *BLUE])
    picture.putpixel((1, 0), 1)

    assert read(encoded(picture, "PNG", transparency=1)).pixels.tolist() == [[list(RED), list(WHITE)]]


def test_decode_of_colour_key_transparency_lies_over_white():
    picture = Image.fromarray(np.array([[RED, GREEN]], np.uint8))

    assert read(encoded(picture, "PNG", transparency=GREEN)).pixels.tolist() == [[list(RED), list(WHITE)]]


def test_decode_of_a_cmyk_jpeg_gives_its_colours():
    picture = Image.new("RGB", (16, 16), (200, 40, 40)).convert("CMYK")

    assert read(encoded(picture, "JPEG", quality=95)).pixels[8, 8] == pytest.approx((200, 40, 40), abs=4)


def test_decode_of_a_text_file_is_an_unsupported_type():
    with pytest.raises(UnsupportedImageType, match="JPEG, PNG, WebP, BMP, HEIC or AVIF"):
        read(b"This is photo.jpg, says its name.")


@pytest.mark.parametrize("kind", ["GIF", "TIFF", "ICO"])
def test_decode_of_another_image_type_is_unsupported(gradient, kind):
    with pytest.raises(UnsupportedImageType):
        read(encoded(gradient, kind))


def test_decode_of_nothing_is_an_unsupported_type():
    with pytest.raises(UnsupportedImageType):
        read(b"")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP"])
@pytest.mark.parametrize("part", [0.02, 0.3, 0.7])
def test_decode_of_a_truncated_file_is_undecodable(kind, part):
    noise = np.random.default_rng(5).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    data = encoded(Image.fromarray(noise), kind)

    with pytest.raises(ImageUndecodable, match="damaged or cut short"):
        read(data[: max(24, int(part * len(data)))])


def test_decode_of_more_bytes_than_the_limit_is_too_large(gradient):
    data = encoded(gradient, "BMP")

    assert read(data, max_bytes=len(data)).pixels.shape == (32, 48, 3)
    with pytest.raises(ImageTooLarge, match=f"{len(data)} bytes"):
        read(data, max_bytes=len(data) - 1)


def test_decode_of_more_pixels_than_the_limit_is_too_large(gradient):
    data = encoded(gradient, "PNG")

    assert read(data, max_pixels=48 * 32).pixels.shape == (32, 48, 3)
    with pytest.raises(ImageTooLarge, match="48x32"):
        read(data, max_pixels=48 * 32 - 1)


def test_decode_checks_the_pixels_before_it_decodes_them():
    # Damaged pixel data that no decoder would accept: only the header may have been read.
    data = png(8000, 8000, 8, 2, [b"\0"])

    with pytest.raises(ImageTooLarge):
        read(data, max_pixels=40_000_000)


@pytest.mark.parametrize("side", [12_000, 60_000])
@pytest.mark.parametrize("action", ["error", "ignore"])
def test_decode_of_a_decompression_bomb_is_too_large(side, action):
    with warnings.catch_warnings():
        warnings.simplefilter(action)
        with pytest.raises(ImageTooLarge):
            read(png(side, side, 1, 0, [b"\0"]), max_pixels=40_000_000)


def test_decode_crop_of_112_pixels_gives_the_picture():
    pixels = np.random.default_rng(3).integers(0, 256, (112, 112, 3), dtype=np.uint8)

    crop = decode_crop(encoded(Image.fromarray(pixels), "PNG"), Gates())

    assert np.array_equal(crop, pixels)


@pytest.mark.parametrize("size", [(112, 111), (111, 112), (224, 224)])
def test_decode_crop_of_another_size_is_invalid(size):
    with pytest.raises(InvalidCrop, match=f"{size[0]}x{size[1]}"):
        decode_crop(encoded(Image.new("RGB", size), "PNG"), Gates())


def test_decode_crop_of_a_text_file_is_an_unsupported_type():
    with pytest.raises(UnsupportedImageType):
        decode_crop(b"crop", Gates())
