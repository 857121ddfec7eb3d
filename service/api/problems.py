"""The one table from error class to HTTP status, and the problem documents (RFC 9457) made by it."""

import logging
from collections.abc import Sequence
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from service import errors
from service.api.wire.verify_wire import DoubtAnswer, Problem
from service.telemetry import Metrics, request_id, tell

logger = logging.getLogger(__name__)

PROBLEM_JSON = "application/problem+json"


class InvalidRequest(errors.InputError, code="invalid_request"):
    """The request is not what the endpoint takes."""


class UnknownField(errors.InputError, code="unknown_field"):
    """The request has a field that the endpoint does not know."""


class UnsupportedMediaType(errors.InputError, code="unsupported_media_type"):
    """The request's body is neither JSON nor multipart."""


class RequestRefused(errors.IdaError):
    """The request is not answered: now, or for this token, or at all. Nothing is wrong with what was sent in it."""


class Unauthorized(RequestRefused, code="unauthorized"):
    """The request has no token that the admin API knows."""


class ReadOnlyToken(RequestRefused, code="read_only_token"):
    """The request changes something, and its token may only read."""


class KeyUnknown(RequestRefused, code="key_unknown"):
    """The request has no key, or one that nobody has, or one that has expired."""


class ScopeMissing(RequestRefused, code="scope_missing"):
    """The request's key is not good for what is asked."""


class RateLimited(RequestRefused, code="rate_limited"):
    """The request's key has no more requests now.

    Attributes:
        retry_after: seconds after which it has.
    """

    def __init__(self, message: str, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class KeysUnavailable(RequestRefused, code="keys_unavailable"):
    """The service cannot read its file of keys, and knows nobody."""


class AuditUnavailable(RequestRefused, code="audit_unavailable"):
    """The audit log cannot be written, so that nothing is answered that belongs in it."""


class TooManyAttempts(RequestRefused, code="too_many_attempts"):
    """Too many wrong tokens came from the client's address.

    Attributes:
        retry_after: seconds after which a token is looked at again.
    """

    def __init__(self, message: str, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Overloaded(RequestRefused, code="overloaded"):
    """More requests wait than may.

    Attributes:
        retry_after: seconds after which it is worth trying again.
    """

    def __init__(self, message: str, retry_after: int = 1) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class DeadlineExceeded(RequestRefused, code="deadline_exceeded"):
    """The request was not begun before its deadline."""


class SlowRequest(RequestRefused, code="request_timeout"):
    """The request's body did not arrive in time."""


class RequestTooLarge(errors.InputError, code="request_too_large"):
    """The request's body is larger than two images of the largest size can make it."""


STATUS: dict[type[errors.IdaError], int] = {
    InvalidRequest: 400,
    UnknownField: 400,
    errors.InvalidBase64: 400,
    errors.UnknownMethod: 400,
    errors.MethodNotServed: 400,
    errors.UnknownOperatingPoint: 400,
    errors.LivenessNotServed: 400,
    RequestTooLarge: 413,
    errors.DocumentTooComplex: 413,
    errors.ImageTooLarge: 413,
    UnsupportedMediaType: 415,
    errors.UnsupportedImageType: 415,
    errors.ImageUndecodable: 422,
    errors.NoFace: 422,
    errors.SeveralFaces: 422,
    errors.FaceTooSmall: 422,
    errors.LowQuality: 422,
    errors.InvalidCrop: 422,
    errors.InvalidEmbedding: 422,
    errors.DimensionMismatch: 422,
    errors.InferenceFailed: 500,
    errors.SearchFailed: 500,
    Unauthorized: 401,
    SlowRequest: 408,
    Overloaded: 429,
    DeadlineExceeded: 504,
    ReadOnlyToken: 403,
    TooManyAttempts: 429,
    KeyUnknown: 401,
    ScopeMissing: 403,
    RateLimited: 429,
    KeysUnavailable: 503,
    AuditUnavailable: 503,
    errors.BundleUnknown: 404,
    errors.GenerationUnknown: 404,
    errors.AnchorSetInUse: 409,
    errors.NothingToRollBack: 409,
    errors.StaleGeneration: 412,
    errors.UploadTooLarge: 413,
    errors.UploadInvalid: 422,
    errors.BundleIdMismatch: 422,
    errors.BundleInvalid: 422,
    errors.BundleMismatch: 422,
    errors.HeadMismatch: 422,
    errors.BundleNotTrusted: 422,
    errors.CalibrationInconsistent: 422,
    errors.BundleUncalibrated: 422,
    errors.TooFewAnchors: 422,
    errors.GoldenCheckFailed: 422,
    # What the settings of this replica do not allow of a bundle.
    errors.SettingsInvalid: 422,
    errors.ActivationInvalid: 503,
    errors.StoreUnavailable: 503,
    errors.StoreInvalid: 503,
    errors.DeviceUnavailable: 503,
    errors.LocalCopyUnusable: 503,
    errors.StorageFull: 507,
}
_HEADERS = {401: {"WWW-Authenticate": 'Bearer realm="ida-verify"'}}

# A detail may quote a caller's own text, such as a field's name, which may be as long as a photograph.
_LONGEST_DETAIL = 1000
INTERNAL_DETAIL = "The service failed in a way it did not foresee. Quote the request id; the log has the details."


def problem_response(
    status: int,
    code: str,
    detail: str,
    image: str | None = None,
    headers: dict[str, str] | None = None,
    reasons: Sequence[errors.Doubt] = (),
    picture: int | None = None,
) -> JSONResponse:
    """Return a problem document as an HTTP response; a very long detail is cut."""
    problem = _problem(status, code, detail, image, reasons, picture)
    tell(code=code, **({} if image is None else {"image": image}))
    return JSONResponse(problem.model_dump(), status, media_type=PROBLEM_JSON, headers=headers)


def error_response(error: errors.IdaError) -> JSONResponse:
    """Return the answer to a failure: its problem document, and when to come again where it says so."""
    status = STATUS.get(type(error), 500)
    if status == 500:
        return problem_response(status, "internal_error", INTERNAL_DETAIL)
    headers = dict(_HEADERS.get(status, {}))
    if isinstance(error, Overloaded | RateLimited | TooManyAttempts):
        headers["Retry-After"] = str(error.retry_after)
    return problem_response(status, error.code, error.message, error.image, headers, _reasons(error), error.picture)


def problem_of(error: errors.InputError) -> Problem:
    """Return the problem document of a failure that is the caller's."""
    return _problem(STATUS[type(error)], error.code, error.message, error.image, _reasons(error), error.picture)


def _reasons(error: errors.IdaError) -> tuple[errors.Doubt, ...]:
    return error.doubts if isinstance(error, errors.LowQuality) else ()


def _problem(
    status: int, code: str, detail: str, image: str | None, reasons: Sequence[errors.Doubt], picture: int | None
) -> Problem:
    return Problem(
        type="about:blank",
        title=HTTPStatus(status).phrase,  # as RFC 9457 wants it beside about:blank
        status=status,
        detail=detail if len(detail) <= _LONGEST_DETAIL else f"{detail[:_LONGEST_DETAIL]}…",
        code=code,
        image=image,
        picture=picture,
        request_id=request_id.get() or "",
        reasons=[DoubtAnswer.model_validate(reason) for reason in reasons],
    )


def install_error_handlers(app: FastAPI, metrics: Metrics) -> None:
    """Turn every foreseen failure, and the router's own 404 and 405, into problem documents."""

    async def foreseen(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, errors.IdaError)  # noqa: S101  (the handler is registered for it alone)
        metrics.failures.labels(error.code).inc()
        if STATUS.get(type(error), 500) == 500:
            logger.error("request failed", exc_info=error)
        return error_response(error)

    async def routing(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)  # noqa: S101
        code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "invalid_request")
        metrics.failures.labels(code).inc()
        detail = f"{request.method} {request.scope['path']}: {error.detail}. The endpoints are listed at /docs."
        headers = dict(error.headers) if error.headers else None
        return problem_response(error.status_code, code, detail, headers=headers)

    async def parameter(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)  # noqa: S101
        first = error.errors()[0]
        return await foreseen(request, InvalidRequest(f"{first['loc'][-1]}: {first['msg']}. See /docs."))

    app.add_exception_handler(errors.IdaError, foreseen)
    app.add_exception_handler(RequestValidationError, parameter)
    app.add_exception_handler(HTTPException, routing)
