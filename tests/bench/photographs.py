"""Photographs that the benchmarks of the service send, and the form of a pair."""

import io
import random
from pathlib import Path

import matplotlib.cbook
from PIL import Image
from skimage import data

BOUNDARY = b"a-boundary-of-this-benchmark"
CONTENT_TYPE = f"multipart/form-data; boundary={BOUNDARY.decode()}"
_COUNT = 40


def jpeg(photograph: Image.Image, side: int = 640) -> bytes:
    """Return a photograph as a JPEG file of this many pixels each way."""
    buffer = io.BytesIO()
    photograph.convert("RGB").resize((side, side), Image.Resampling.LANCZOS).save(buffer, "JPEG", quality=88)
    return buffer.getvalue()


def portraits() -> list[Image.Image]:
    """Return two public-domain portraits that packages carry."""
    hopper = matplotlib.cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)
    return [Image.fromarray(data.astronaut()), Image.open(hopper)]


def of_lfw(faces: Path, count: int) -> list[bytes]:
    """Return photographs of LFW, drawn from a seed, as JPEG files of 640 pixels."""
    files = random.Random(0).sample(sorted((faces / "dev" / "lfw").rglob("*.jpg")), count)
    return [jpeg(Image.open(file)) for file in files]


def pairs(faces: Path) -> list[tuple[bytes, bytes]]:
    """Return pairs of 640-pixel photographs of LFW, each photograph in two of them."""
    photographs = of_lfw(faces, _COUNT)
    return [(photographs[i], photographs[(7 * i + 3) % _COUNT]) for i in range(_COUNT)]


def form(probe: bytes, reference: bytes, method: str) -> bytes:
    """Return the multipart body of a pair."""
    parts = [
        b'Content-Disposition: form-data; name="%s"; filename="photo.jpg"\r\n\r\n%s' % (name, content)
        for name, content in ((b"probe", probe), (b"reference", reference))
    ]
    parts.append(b'Content-Disposition: form-data; name="method"\r\n\r\n%s' % method.encode())
    return b"".join(b"--%s\r\n%s\r\n" % (BOUNDARY, part) for part in parts) + b"--%s--\r\n" % BOUNDARY
