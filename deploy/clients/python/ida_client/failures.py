"""What a call may fail with: one class for each failure that somebody handles, chosen by the service's ``code``."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any


class ClientError(Exception):
    """A call of the client failed."""


class Unreachable(ClientError):
    """No try reached the service, or was answered by it."""


class DeadlinePassed(ClientError):
    """The call's seconds were used up. What the last try came to, if there was one, is the ``__cause__``."""


class Problem(ClientError):
    """The service answered with a problem.

    Attributes:
        status: of HTTP.
        code: stable name of the failure, such as "no_face".
        detail: what was wrong and what to do about it.
        image: the input that it concerns: "probe", "reference", "image" or None.
        picture: which of several pictures of that input, from 0; None where there are not several.
        request_id: by which the service's log knows the request.
        reasons: of "low_quality", every reason as the service tells it; else empty.
        retry_after: seconds after which it is worth trying again; None where nothing is said.
    """

    def __init__(self, status: int, document: Mapping[str, Any], retry_after: float | None = None) -> None:
        """Take the problem document; what it lacks is empty."""
        self.status = status
        self.code = str(document.get("code") or f"status_{status}")
        self.detail = str(document.get("detail") or "")
        self.image: str | None = document.get("image")
        self.picture: int | None = document.get("picture")
        self.request_id = str(document.get("request_id") or "")
        self.reasons: tuple[Mapping[str, Any], ...] = tuple(document.get("reasons") or ())
        self.retry_after = retry_after
        super().__init__(f"{self.code}: {self.detail}")

    @staticmethod
    def of(status: int, document: Mapping[str, Any], retry_after: float | None = None) -> "Problem":
        """Return the problem of a document, of the class that its code or else its status asks for."""
        found = _BY_CODE.get(str(document.get("code"))) or _BY_STATUS.get(status)
        if found is None:
            found = ServiceProblem if status >= 500 else RequestProblem
        return found(status, document, retry_after)


class RequestProblem(Problem):
    """The request is not what the service takes, or names what it has not: mend the call."""


class KeyProblem(Problem):
    """The API key is missing, unknown, expired, or not good for what was asked."""


class TooBusyProblem(Problem):
    """The service, or the key's limit, has no room now, or the service could not begin before the deadline."""


class ServiceProblem(Problem):
    """The service, or what stands before it, failed; its operator knows more by the ``request_id``."""


class PictureProblem(Problem):
    """A picture, crop or embedding cannot be used; another of the person may be."""


class NoFaceProblem(PictureProblem):
    """No face was found. This is never a non-match."""


class SeveralFacesProblem(PictureProblem):
    """More than one face was found, and ``face_policy="reject"`` was asked."""


class FaceTooSmallProblem(PictureProblem):
    """The face is smaller than the service takes."""


class LowQualityProblem(PictureProblem):
    """A face is too unlike the calibrated ones, and ``quality_policy="gate"`` was asked; see ``reasons``."""


_BY_CODE: Mapping[str, type[Problem]] = MappingProxyType(
    {
        "no_face": NoFaceProblem,
        "several_faces": SeveralFacesProblem,
        "face_too_small": FaceTooSmallProblem,
        "low_quality": LowQualityProblem,
        "image_too_large": PictureProblem,
        "unsupported_image_type": PictureProblem,
        "deadline_exceeded": TooBusyProblem,
        "request_timeout": TooBusyProblem,
    }
)
_BY_STATUS: Mapping[int, type[Problem]] = MappingProxyType(
    {401: KeyProblem, 403: KeyProblem, 422: PictureProblem, 429: TooBusyProblem, 504: TooBusyProblem}
)
