"""Which routes the commands ask for, and why some need none."""

from collections.abc import Iterable

from fastapi.routing import APIRoute
from starlette.routing import compile_path

from orchestrator.api.app import ROUTERS

UNREACHED = {
    "GET /api/v1/events": "events",
    "GET /api/v1/jobs/{job_id}/package": "package",
    "GET /api/v1/jobs/{job_id}/edits": "edits",
    "PUT /api/v1/jobs/{job_id}/edits": "edits",
    "POST /api/v1/tasks/{task_id}/actions/{event}": "do --task, in test_do.py",
    "POST /api/v1/jobs/{job_id}/decisions": "do JOB accept, in test_do.py",
    "POST /api/v1/webhooks/{webhook_id}/deliveries/{delivery_id}/send": "webhook send --delivery, in test_webhooks.py",
    "GET /api/v1/groups/{name}": "user groups has them all",
    "GET /api/v1/users/{name}": "user list has them all",
    "GET /api/v1/keys/{key_id}": "key list has them all",
    "GET /api/v1/webhooks/{webhook_id}": "webhook list has them all",
    "GET /api/v1/workflows/schema": "workflow schema knows it by itself",
    "GET /health/live": "for what keeps the API running",
    "GET /metrics": "for Prometheus",
}
"""Routes that none of the commands called here asks for: which does, or why none has to."""


def check_reached(asked: Iterable[tuple[str, str]]) -> None:
    """Every route was asked for (method and address), or has a reason why not."""
    routes = [(prefix, route) for prefix, router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]
    reached = {_route(routes, method, address) for method, address in set(asked)}
    there = {f"{method} {prefix}{route.path}" for prefix, route in routes for method in route.methods or ()}
    assert there - reached - UNREACHED.keys() == set(), "give each a command, or a reason for none"
    assert UNREACHED.keys() & reached == set(), "these are reached"


def _route(routes: list[tuple[str, APIRoute]], method: str, address: str) -> str:
    ways = (prefix + route.path for prefix, route in routes if method in (route.methods or ()))
    return f"{method} {next((way for way in ways if compile_path(way)[0].fullmatch(address)), address)}"
