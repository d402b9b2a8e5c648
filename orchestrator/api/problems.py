"""Everything that goes wrong, as a problem document (RFC 9457): the one place that knows HTTP's codes for errors."""

import logging
import secrets
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi.exceptions import RequestValidationError
from redis.exceptions import RedisError
from sqlalchemy import exc
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response

from orchestrator.contracts.faults import MOST, reason_of
from orchestrator.domain.place import place_of
from orchestrator.errors import (
    Conflict,
    Fault,
    Forbidden,
    IllegalTransition,
    Invalid,
    NotFound,
    Refused,
    Stale,
    TooLarge,
    Unauthenticated,
    Unreachable,
)

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
_RETRY_AFTER_S = "2"
_AWAY = (exc.OperationalError, exc.InterfaceError, exc.TimeoutError, RedisError, Unreachable)
# Python renamed these two on the way to 3.13: what is stable does not follow.
_TITLES = {413: "Content Too Large", 422: "Unprocessable Content"}
_STATUS: dict[type[Refused], int] = {
    Unauthenticated: 401,
    Forbidden: 403,
    NotFound: 404,
    Stale: 412,
    Invalid: 422,
    TooLarge: 413,
}


def problem(
    status: int,
    detail: str,
    faults: Sequence[Fault] = (),
    *,
    headers: Mapping[str, str] | None = None,
    legal_events: Sequence[str] | None = None,
) -> Response:
    """The document; ``type`` and ``title`` are those of the status, and stay the same for good."""
    return JSONResponse(document(status, detail, faults, legal_events), status, headers, MEDIA_TYPE)


def document(
    status: int, detail: str, faults: Sequence[Fault] = (), legal_events: Sequence[str] | None = None
) -> dict[str, Any]:
    """The same as a value."""
    title = _TITLES.get(status) or HTTPStatus(status).phrase
    told: dict[str, Any] = {
        "type": f"urn:orchestrator:problem:{title.lower().replace(' ', '-')}",
        "title": title,
        "status": status,
        "detail": _plain(detail),
        "errors": [{"place": _plain(fault.place), "reason": _plain(fault.reason)} for fault in faults],
    }
    if legal_events is not None:
        told["legal_events"] = list(legal_events)
    return told


def response_to(error: Exception) -> Response:
    """What to answer when this has been raised; what nobody foresaw tells the log everything and the caller an id."""
    match error:
        case IllegalTransition():
            return problem(409, str(error), legal_events=error.legal)
        case Conflict():
            return problem(409, error.detail, error.faults, legal_events=error.legal)
        case Refused():
            status = next((code for kind, code in _STATUS.items() if isinstance(error, kind)), 400)
            headers = {"WWW-Authenticate": "Bearer"} if status == 401 else None
            return problem(status, error.detail, error.faults, headers=headers)
        case RequestValidationError():
            return _wrong_request(error)
        case HTTPException(status_code=400):
            # FastAPI's own, when the body could not even be read as JSON text.
            reason = str(error.__cause__ or error.detail)
            return problem(422, "the body is not JSON", [Fault("$", reason)])
        case HTTPException():
            return problem(error.status_code, _said(error), headers=error.headers)
        case ClientDisconnect():
            return problem(400, "the body did not come whole")  # whom it concerns is gone
        case exc.DataError():
            log.warning("a value that the database does not take", exc_info=error)
            return problem(422, "the request has a value that can not be kept", [Fault("$", _first_line(error))])
        case _ if isinstance(error, _AWAY):
            log.warning("a part that is needed does not answer: %s", _first_line(error))
            return problem(503, "a part that is needed does not answer now", headers={"Retry-After": _RETRY_AFTER_S})
        case _:
            name = secrets.token_hex(8)
            log.error("error %s", name, exc_info=error)
            return problem(500, f"something went wrong here; the log has it as error {name}")


def _wrong_request(error: RequestValidationError) -> Response:
    details: list[Any] = list(error.errors())
    if any(detail["loc"][0] == "path" for detail in details):
        return problem(404, "there is nothing at this address")
    if isinstance(error.body, bytes) and any(detail["loc"][0] == "body" for detail in details):
        return problem(415, "the body has to be JSON, sent with Content-Type: application/json")
    faults = [_fault(detail, error.body) for detail in details[:MOST]]
    return problem(422, "the request is wrong", list(dict.fromkeys(faults)))


def _fault(detail: Any, body: object) -> Fault:
    where, *keys = detail["loc"]
    if detail["type"] == "json_invalid":
        text, position = str(body), int(keys[0])
        line, column = text.count("\n", 0, position) + 1, position - text.rfind("\n", 0, position)
        return Fault("$", f"not JSON: {detail['ctx']['error']} (line {line}, column {column})")
    match where:
        case "body":
            return Fault(place_of(_present(keys, body, missing=detail["type"] == "missing")), reason_of(detail))
        case "query":
            return Fault(f"?{'.'.join(map(str, keys[:1]))}", _parameter_reason(detail))
        case _:
            return Fault(f"{where} {'.'.join(map(str, keys))}", reason_of(detail))


def _parameter_reason(detail: Any) -> str:
    return "there is no such parameter" if detail["type"] == "extra_forbidden" else reason_of(detail)


def _present(keys: Sequence[str | int], body: Any, *, missing: bool) -> list[str | int]:
    """The keys that lead into the body: Pydantic names the branch of a union too, which is no place."""
    led: list[str | int] = []
    for key in keys:
        try:
            body = body[key]
        except (LookupError, TypeError):
            continue
        led.append(key)
    return [*led, keys[-1]] if missing and keys else led


def _said(error: HTTPException) -> str:
    if error.status_code == 404:
        return "there is nothing at this address"
    if error.status_code == 405:
        return f"this address takes only {(error.headers or {}).get('Allow', 'other methods')}"
    return error.detail


def _first_line(error: Exception) -> str:
    return str(getattr(error, "orig", None) or error).partition("\n")[0]


def _plain(text: str) -> str:
    """Without lone surrogates: what was sent is told back, and has to be text."""
    return text.encode(errors="replace").decode()
