"""A steady load of pairs whose scores are known for each bundle, and what became of every request."""

import http.client
import json
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from service.scoring.methods import find_method
from service.snapshot.snapshot import load_snapshot

METHOD = "ida-r"
PAIRS = 24
# Scores travel as decimal text of a float that was float32 for a while.
TOLERANCE = 1e-6
_BAD_GATEWAY = 502


@dataclass(frozen=True)
class Pairs:
    """Pairs as request bodies, and their scores by bundle; without scores, they are not checked."""

    bodies: list[bytes]
    scores: dict[str, np.ndarray]
    kind: str = "application/json"
    faces: np.ndarray | None = None


def make_pairs(folders: list[Path], backbone_id: str, dimension: int) -> Pairs:
    """Return random pairs and their scores under each bundle; of many, those whose scores differ between bundles."""
    random = np.random.default_rng(4)
    faces = random.standard_normal((2, 20 * PAIRS, dimension))
    faces = (faces / np.linalg.norm(faces, axis=2, keepdims=True)).astype(np.float32)
    scores = dict(scored(folder, faces, backbone_id) for folder in folders)
    stacked = np.stack(list(scores.values()))
    gaps = np.abs(stacked[:, None] - stacked[None])[np.triu_indices(len(stacked), 1)]
    chosen = np.flatnonzero(np.all(gaps > 100 * TOLERANCE, axis=0))[:PAIRS]
    assert len(chosen) == PAIRS, "the bundles give scores that are too alike to be told apart"
    bodies = [
        json.dumps(
            {"probe": {"embedding": one.tolist()}, "reference": {"embedding": other.tolist()}, "method": METHOD}
        ).encode()
        for one, other in zip(*faces[:, chosen], strict=True)
    ]
    return Pairs(bodies, {name: values[chosen] for name, values in scores.items()}, faces=faces[:, chosen])


def scored(folder: Path, faces: np.ndarray, backbone_id: str) -> tuple[str, np.ndarray]:
    """Return a bundle's id, and the scores of pairs (2, n, d) under it."""
    snapshot = load_snapshot(folder, backbone_id=backbone_id, device="cpu", generation=0)
    method = find_method(METHOD)
    terms = snapshot.terms(np.concatenate(faces), method.needs)
    return snapshot.bundle_id, method.score(faces[0], faces[1], terms, snapshot.parameters).score


@dataclass
class Seen:
    """What became of the requests: when each began, how long it took, and what was wrong with those that failed."""

    began: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    generations: list[int] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    mixed: list[str] = field(default_factory=list)
    cut_off: int = 0
    """Requests whose replica died under them, and that were sent again."""

    def quantile(self, share: float, windows: list[tuple[float, float]], *, inside: bool = True) -> float:
        """Return a quantile of the milliseconds of the requests that overlap one of the windows, or none of them."""
        began, seconds = np.array(self.began), np.array(self.seconds)
        overlaps = np.zeros(len(began), bool)
        for start, end in windows:
            overlaps |= (began < end) & (began + seconds > start)
        chosen = seconds[overlaps == inside]
        return float(np.quantile(chosen, share) * 1000) if len(chosen) else float("nan")


class SteadyLoad:
    """Threads that each send a pair at a fixed pace, and check every answer."""

    def __init__(self, url: str, pairs: Pairs, *, threads: int, per_second: float) -> None:
        self._address = url.removeprefix("http://")
        self._pairs = pairs
        self._pause = threads / per_second
        self._stop = threading.Event()
        self._turn = threading.Lock()
        self.seen = Seen()
        self._threads = [threading.Thread(target=self._send, args=(number,)) for number in range(threads)]

    def __enter__(self) -> "SteadyLoad":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _send(self, number: int) -> None:
        connection = http.client.HTTPConnection(self._address, timeout=30)
        position, due = number, time.monotonic() + number * self._pause / len(self._threads)
        while not self._stop.wait(max(0.0, due - time.monotonic())):
            due = max(due + self._pause, time.monotonic() - self._pause)
            pair = position % len(self._pairs.bodies)
            position += len(self._threads)
            began = time.monotonic()
            try:
                status, content, pause = self._ask(connection, pair)
                if status == _BAD_GATEWAY:  # a comparison changes nothing: who sent it sends it again, when it is told
                    with self._turn:
                        self.seen.cut_off += 1
                    # A process that was killed takes connections until the kernel has closed its last socket.
                    self._stop.wait(pause)
                    status, content, _ = self._ask(connection, pair)
            except (OSError, http.client.HTTPException) as error:
                self._note(began, failure=f"{type(error).__name__}: {error}")
                connection.close()
                continue
            if status != 200:
                self._note(began, failure=f"{status}: {content[:200]!r}")
            else:
                self._check(began, pair, json.loads(content))

    def _ask(self, connection: http.client.HTTPConnection, pair: int) -> tuple[int, bytes, float]:
        connection.request("POST", "/verify", self._pairs.bodies[pair], {"Content-Type": self._pairs.kind})
        answer = connection.getresponse()
        try:
            content = answer.read()
        except http.client.IncompleteRead:
            # Killed between the head of its answer and the body: the proxy had passed the head on, so no 502 follows.
            connection.close()
            return _BAD_GATEWAY, b"", 0.0
        return answer.status, content, float(answer.headers.get("Retry-After", 0))

    def _check(self, began: float, pair: int, answer: dict) -> None:
        expected = self._pairs.scores.get(answer["anchor_set"]["id"])
        is_right = not self._pairs.scores or (
            expected is not None and abs(answer["score"] - expected[pair]) <= TOLERANCE
        )
        mixed = (
            None
            if is_right or not self._pairs.scores
            else f"pair {pair}: {answer['score']} under {answer['anchor_set']['id']}"
        )
        self._note(began, generation=answer["anchor_set"]["generation"], mixed=mixed)

    def _note(
        self, began: float, *, generation: int = -1, failure: str | None = None, mixed: str | None = None
    ) -> None:
        with self._turn:
            self.seen.began.append(began)
            self.seen.seconds.append(time.monotonic() - began)
            self.seen.generations.append(generation)
            self.seen.failures += [] if failure is None else [failure]
            self.seen.mixed += [] if mixed is None else [mixed]
