"""What the heads of a bundle share: a small network on the CPU, from embeddings to what it tells of them."""

from pathlib import Path
from typing import Self

from service.errors import PackInvalid
from service.inference.providers import Placement
from service.inference.session import OnnxSession
from service.inference.small_weights import without_small_weights


class Head:
    """A network that takes embeddings. Safe to call from several threads."""

    def __init__(self, session: OnnxSession) -> None:
        self._session = session

    @classmethod
    def load(cls, path: Path, *, threads: int = 1) -> Self:
        """Load a head, on the CPU: two small layers take less time than their way to another device.

        Weights too small to matter are left out, whoever trained it: a bundle may come from elsewhere.

        Args:
            path: the ONNX file.
            threads: threads of one run, 1 or more; waking others takes longer than they would save.

        Raises:
            PackInvalid: if the file is no network that ONNX Runtime can load.
        """
        try:
            content = path.read_bytes()
        except OSError as error:
            raise PackInvalid(f"{path} cannot be read: {error.strerror}.") from error
        return cls.of(content, str(path), threads=threads)

    @classmethod
    def of(cls, content: bytes, called: str, *, threads: int = 1) -> Self:
        """Load a head from an ONNX file's bytes, ``called`` so in messages; as ``load`` otherwise."""
        return cls(OnnxSession(Path(called), Placement(threads=threads), content=without_small_weights(content)))
