"""The OpenAPI document: what FastAPI finds out by itself, and what is the same for every route."""

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from orchestrator.api.examples import Examples
from orchestrator.api.problems import MEDIA_TYPE, document
from orchestrator.api.requires import Needs
from orchestrator.contracts.views import Problem
from orchestrator.domain.roles import Permission
from orchestrator.errors import Fault

_REFS = "#/components/schemas/{model}"
_SAID: dict[str, tuple[str, list[Fault]]] = {
    "401": ("the API key is unknown, expired or revoked", []),
    "403": ("ann may not do this: it needs the permission 'keys'", []),
    "404": ("there is no job 17", []),
    "409": ("job 17 has ended: Success", []),
    "408": ("nothing came for 60 s", []),
    "416": ("the package has 1024 bytes", []),
    "412": ('it has been changed since: it is at ETag "4" now; read it again', []),
    "413": ("the body is larger than 1048576 bytes, the most that is taken here", []),
    "415": ("the body has to be JSON, sent with Content-Type: application/json", []),
    "422": ("the request is wrong", [Fault("$.paths[3]", "a path may not contain NUL")]),
    "503": ("a part that is needed does not answer now", []),
}
"""What each might say."""
_WHY = {
    "401": "No API key, or one that is unknown, expired or revoked",
    "403": "The key may not do this",
    "404": "There is no such thing",
    "408": "Nothing came for too long",
    "409": "Right request, wrong moment: the state does not allow it, or it is there already",
    "412": "It was changed since the version that `If-Match` names",
    "413": "The body is too large",
    "415": "The body is not JSON",
    "416": "There is nothing in this range",
    "422": "The request is wrong; `errors` has the place and the reason of each fault",
    "503": "The database or another part that is needed does not answer now",
}


def describe(app: FastAPI, routers: Sequence[tuple[str, APIRouter]]) -> dict[str, Any]:
    """The document, made once."""
    if app.openapi_schema is None:
        told = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        components = told.setdefault("components", {})
        schemas = components.setdefault("schemas", {})
        for replaced in ("HTTPValidationError", "ValidationError"):
            schemas.pop(replaced, None)
        problem = Problem.model_json_schema(ref_template=_REFS)
        schemas |= problem.pop("$defs", {}) | {"Problem": problem}
        components["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer", "description": "An API key"}}
        examples = Examples(schemas)
        for prefix, router in routers:
            for route in router.routes:
                if isinstance(route, APIRoute) and route.include_in_schema:
                    for method in route.methods or ():
                        operation = told["paths"][prefix + route.path_format][method.lower()]
                        _complete(operation, route)
                        examples.give(operation)
        app.openapi_schema = told
    return app.openapi_schema


def permission_of(route: APIRoute) -> Permission | None:
    """What a route declares with ``needs``; None when it has forgotten to."""
    calls = (dependency.call for dependency in route.dependant.dependencies)
    return next((call.permission for call in calls if isinstance(call, Needs)), None)


def _complete(operation: dict[str, Any], route: APIRoute) -> None:
    """The route's permission, its security and the problems it may answer with."""
    permission = permission_of(route)
    operation["x-permission"] = permission
    operation["security"] = [] if permission is Permission.OPEN else [{"key": []}]
    responses: dict[str, Any] = operation["responses"]
    if "201" in responses and _takes(operation, "idempotency-key"):
        responses.setdefault("200", {**responses["201"], "description": "What this Idempotency-Key has made before"})
    of_its_own = [status for status in responses if status >= "400"]
    for status in {*_problems(operation, permission, changes="GET" not in (route.methods or ())), *of_its_own}:
        if "content" not in responses.get(status, {}) or status == "422":
            schema = {"$ref": _REFS.format(model="Problem")}
            content = {MEDIA_TYPE: {"schema": schema, "example": document(int(status), *_SAID[status])}}
            responses[status] = {"description": _WHY[status], "content": content}


def _takes(operation: dict[str, Any], header: str) -> bool:
    parameters: list[dict[str, Any]] = operation.get("parameters", [])
    return any(parameter["in"] == "header" and parameter["name"].lower() == header for parameter in parameters)


def _problems(operation: dict[str, Any], permission: Permission | None, *, changes: bool) -> list[str]:
    statuses = ["422", "413", "503"]
    if permission is not Permission.OPEN:
        statuses += ["401", "403"]
    # What an Idempotency-Key has made before may have been deleted since.
    if _takes(operation, "idempotency-key") or any(one["in"] == "path" for one in operation.get("parameters", ())):
        statuses.append("404")
    if changes:
        statuses.append("409")
    if "requestBody" in operation:
        statuses.append("415")
    if _takes(operation, "if-match"):
        statuses.append("412")
    return statuses
