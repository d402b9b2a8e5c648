"""Routes and roles: who may use what, as docs/access-matrix.md says, and as the routes declare."""

import re
from pathlib import Path

from fastapi.routing import APIRoute

from orchestrator.api.app import ROUTERS
from orchestrator.api.openapi import permission_of
from orchestrator.domain.roles import Permission, Role, granted

MATRIX = Path(__file__).parents[1] / "docs" / "access-matrix.md"
ANONYMOUS = "anonymous"
CALLERS = (ANONYMOUS, *Role)
Route = str
"""Method and path: `GET /api/v1/jobs`."""


def declared() -> dict[Route, frozenset[str]]:
    """Who may use each route, by the permission that it declares."""
    found: dict[Route, frozenset[str]] = {"GET /openapi.json": _with(Permission.READ)}
    for prefix, router in ROUTERS:
        for route in router.routes:
            assert isinstance(route, APIRoute)
            permission = permission_of(route)
            assert permission is not None
            found |= {f"{method} {prefix}{route.path_format}": _with(permission) for method in route.methods or ()}
    return found


def written() -> dict[Route, frozenset[str]]:
    """Who may use each route, by what is checked in."""
    head, *rows = (
        [cell.strip() for cell in line.strip("|\n").split("|")]
        for line in MATRIX.read_text().splitlines()
        if line.startswith("|") and not re.fullmatch(r"[|\s:-]+", line)
    )
    assert tuple(head[1:]) == CALLERS
    return {
        route.strip("`"): frozenset(caller for caller, may in zip(CALLERS, cells, strict=True) if may == "yes")
        for route, *cells in rows
    }


def row(route: Route, callers: frozenset[str]) -> str:
    """The line of a route, as it has to stand in the file."""
    return f"| `{route}` | " + " | ".join("yes" if caller in callers else "-" for caller in CALLERS) + " |"


def _with(permission: Permission) -> frozenset[str]:
    may = frozenset(str(role) for role in Role if permission in granted([role]))
    return may | {ANONYMOUS} if permission is Permission.OPEN else may
