"""The OpenAPI document: what FastAPI finds out by itself, and what is the same for every route."""

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from orchestrator.api.problems import MEDIA_TYPE
from orchestrator.api.requires import Needs
from orchestrator.contracts.views import Problem
from orchestrator.domain.roles import Permission

_REFS = "#/components/schemas/{model}"
_WHY = {
    "401": "No API key, or one that is unknown, expired or revoked",
    "403": "The key may not do this",
    "404": "There is no such thing",
    "408": "Nothing came for too long",
    "409": "Right request, wrong moment: the state does not allow it, or it is there already",
    "413": "The body is too large",
    "415": "The body is not JSON",
    "416": "There is nothing in this range",
    "422": "The request is wrong; `errors` has the place and the reason of each fault",
    "503": "The database or another part that is needed does not answer now",
}


def describe(app: FastAPI, routers: Sequence[tuple[str, APIRouter]]) -> dict[str, Any]:
    """The document, made once."""
    if app.openapi_schema is None:
        document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        components = document.setdefault("components", {})
        schemas = components.setdefault("schemas", {})
        for replaced in ("HTTPValidationError", "ValidationError"):
            schemas.pop(replaced, None)
        problem = Problem.model_json_schema(ref_template=_REFS)
        schemas |= problem.pop("$defs", {}) | {"Problem": problem}
        components["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer", "description": "An API key"}}
        for prefix, router in routers:
            for route in router.routes:
                if isinstance(route, APIRoute) and route.include_in_schema:
                    for method in route.methods or ():
                        _complete(document["paths"][prefix + route.path_format][method.lower()], route)
        app.openapi_schema = document
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
    of_its_own = [status for status in responses if status >= "400"]
    for status in {*_problems(operation, permission, changes="GET" not in (route.methods or ())), *of_its_own}:
        if "content" not in responses.get(status, {}) or status == "422":
            content = {MEDIA_TYPE: {"schema": {"$ref": _REFS.format(model="Problem")}}}
            responses[status] = {"description": _WHY[status], "content": content}


def _problems(operation: dict[str, Any], permission: Permission | None, *, changes: bool) -> list[str]:
    statuses = ["422", "413", "503"]
    if permission is not Permission.OPEN:
        statuses += ["401", "403"]
    if any(parameter["in"] == "path" for parameter in operation.get("parameters", ())):
        statuses.append("404")
    if changes:
        statuses.append("409")
    if "requestBody" in operation:
        statuses.append("415")
    return statuses
