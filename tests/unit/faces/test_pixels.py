"""Pixels are those of the common decoders, to the bit."""

import io
import zlib

import cv2
import numpy as np
import pytest
from hostile_jpegs import plain
from hostile_others import chunk, png
from PIL import Image

from service.choices import Gates
from service.errors import ImageTooLarge, ImageUndecodable
from service.faces.pictures.decode import open_image

FLAGS = {
    1: cv2.IMREAD_COLOR,
    2: cv2.IMREAD_REDUCED_COLOR_2,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    8: cv2.IMREAD_REDUCED_COLOR_8,
}


def scene(width=203, height=157, mode="RGB"):
    down, across = np.mgrid[:height, :width]
    channels = [127 + 120 * np.sin(across / 5 + n) * np.cos(down / 7 - n) for n in range(len(mode))]
    stored = np.stack(channels, axis=-1).astype(np.uint8)
    return Image.fromarray(stored[..., 0] if mode == "L" else stored, mode)


def saved(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def opened(data, max_pixels=50_000_000, **options):
    return open_image(data, Gates(max_image_pixels=max_pixels, **options))


@pytest.mark.parametrize("reduction", [1, 2, 4, 8])
@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize(("mode", "size"), [("RGB", (203, 157)), ("L", (203, 157)), ("RGB", (1, 1)), ("RGB", (3, 300))])
def test_jpeg_has_the_pixels_that_opencv_gives(mode, size, progressive, subsampling, reduction):
    options = {} if mode == "L" else {"subsampling": subsampling}
    data = saved(scene(*size, mode), "JPEG", quality=90, progressive=progressive, **options)

    wanted = cv2.cvtColor(cv2.imdecode(np.frombuffer(data, np.uint8), FLAGS[reduction]), cv2.COLOR_BGR2RGB)

    assert np.array_equal(opened(data).pixels(reduction), wanted)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP"])
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_picture_has_the_pixels_that_pillow_gives(kind, mode):
    if mode == "CMYK" and kind != "JPEG":
        pytest.skip("JPEG alone has CMYK")
    data = saved(scene(mode=mode), kind)

    assert np.array_equal(opened(data).pixels(), np.asarray(Image.open(io.BytesIO(data)).convert("RGB")))


@pytest.mark.parametrize("lossless", [False, True])
@pytest.mark.parametrize("animated", [False, True])
def test_transparent_webp_has_the_pixels_that_pillow_lays_over_white(lossless, animated):
    more = {"save_all": True, "append_images": [scene(mode="RGBA").rotate(180)]} if animated else {}
    data = saved(scene(mode="RGBA"), "WEBP", lossless=lossless, **more)
    first = Image.open(io.BytesIO(data)).convert("RGBA")

    wanted = Image.alpha_composite(Image.new("RGBA", first.size, "white"), first).convert("RGB")

    assert np.array_equal(opened(data).pixels(), np.asarray(wanted))


def test_frame_of_an_animation_lies_in_its_place_on_a_white_canvas():
    frames = [Image.new("RGBA", (40, 30)) for _ in range(2)]
    frames[0].paste((255, 0, 0, 255), (10, 8, 20, 18))
    data = saved(frames[0], "WEBP", save_all=True, append_images=frames[1:], lossless=True, minimize_size=True)

    pixels = opened(data).pixels()

    assert pixels.shape == (30, 40, 3)
    assert pixels[12, 15].tolist() == [255, 0, 0]
    assert pixels[2, 2].tolist() == [255, 255, 255]


def test_orientation_in_the_text_where_old_programs_put_it_is_applied():
    exif = Image.Exif()
    exif[0x0112] = 6
    digits = exif.tobytes().hex()
    text = f"\nexif\n{len(digits) // 2:8}\n{digits}\n".encode()
    data = png(40, 20, before=chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(text)))

    assert opened(data).pixels().shape == (40, 20, 3)
    assert opened(data).exif_rotated


@pytest.mark.slow
def test_jpeg_of_48_megapixels_is_read():
    assert opened(plain(8064, 6048)).pixels(8).shape == (756, 1008, 3)


@pytest.mark.parametrize("options", [{"progressive": True}, {"mode": "CMYK"}])
def test_jpeg_that_is_held_whole_has_the_lower_limit(options):
    data = plain(100, 80, **options)

    assert opened(data, max_full_image_pixels=8000).pixels().shape == (80, 100, 3)
    with pytest.raises(ImageTooLarge, match=r"100x80 = 8000 pixels, the limit for its kind is 7999\..* baseline"):
        opened(data, max_full_image_pixels=7999)


def test_pixels_of_sixteen_bit_colours_count_twice():
    assert opened(png(100, 80, 16, 2), max_full_image_pixels=16_000).pixels().shape == (80, 100, 3)
    with pytest.raises(ImageTooLarge, match="the limit for its kind is 7999"):
        opened(png(100, 80, 16, 2), max_full_image_pixels=15_999)
    assert opened(png(100, 80, 16, 0), max_full_image_pixels=8000).pixels().shape == (80, 100, 3)


@pytest.mark.parametrize("size", [(101, 1), (1, 101)])
def test_each_side_has_a_limit(size):
    assert opened(plain(*size), max_image_side=101)
    with pytest.raises(ImageTooLarge, match="the limit of each side is 100"):
        opened(plain(*size), max_image_side=100)


def test_png_without_its_last_chunk_is_read_and_one_that_ends_within_a_chunk_is_not():
    whole = png(30, 20)

    assert opened(whole[:-12]).pixels().shape == (20, 30, 3)
    with pytest.raises(ImageUndecodable):
        opened(whole[:-13])
