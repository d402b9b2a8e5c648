"""Each operation of the client asks for a route that there is, and reads its answer as the model that this gives."""

import inspect
from typing import Any

import pytest
from fastapi.routing import APIRoute
from starlette.routing import compile_path

from orchestrator.api.app import ROUTERS
from orchestrator.client import Operations
from orchestrator.client.ask import Ask
from orchestrator.client.operation import Listing, Operation, Starting

OPERATIONS = {
    name: kind
    for name, kind in inspect.getmembers_static(Operations)
    if isinstance(kind, Operation | Listing | Starting)
}
ROUTES = [
    (prefix + route.path, route) for prefix, router in ROUTERS for route in router.routes if isinstance(route, APIRoute)
]


def described(name: str) -> Ask[Any]:
    """What it asks for, given a number wherever one may stand."""
    parameters = inspect.signature(OPERATIONS[name].describe).parameters.values()
    needed = [one for one in parameters if one.default is one.empty and one.kind is one.POSITIONAL_OR_KEYWORD]
    return OPERATIONS[name].describe(None, *("7" for _ in needed[1:]))


@pytest.mark.parametrize("name", OPERATIONS)
def test_it_asks_for_a_route_and_reads_its_model(name: str):
    ask: Ask[Any] | None = described(name)
    while ask is not None:
        address = f"/api/v1{ask.path}"
        reached = [
            route
            for path, route in ROUTES
            if ask.method in (route.methods or ()) and compile_path(path)[0].fullmatch(address)
        ]
        assert reached, f"{ask.method} {address}"
        assert ask.answer in {route.response_model for route in reached}, reached[0].response_model
        ask = ask.otherwise
