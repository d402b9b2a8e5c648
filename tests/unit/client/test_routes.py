"""Each operation of the clients asks for routes that there are, and each route has a method, or a reason for none."""

import inspect
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.routing import APIRoute
from starlette.routing import compile_path

from orchestrator.api.app import ROUTERS
from orchestrator.client import AsyncClient, Client, DocumentClient, Operations
from orchestrator.client.ask import Ask, Flow
from orchestrator.client.operation import Each, Listing, Operation, Several, Starting
from orchestrator.contracts.views import LedgerLine
from orchestrator.storage.queries.ledger import Line

OPERATIONS = {
    name: kind
    for name, kind in inspect.getmembers_static(Operations)
    if isinstance(kind, Operation | Listing | Starting | Several | Each)
}
ROUTES = [
    (prefix + route.path, route) for prefix, router in ROUTERS for route in router.routes if isinstance(route, APIRoute)
]
METHODS = {
    "GET /api/v1/events": "all_events",
    "GET /api/v1/jobs/{job_id}/events": "events",
    "GET /api/v1/jobs/{job_id}/ledger": "export",
    "GET /api/v1/jobs/{job_id}/package": "fetch_package",
    "PUT /api/v1/jobs/{job_id}/edits": "send_edits",
    "GET /api/v1/jobs/{job_id}/attachments/{attachment_id}": "fetch_attachment",
}
"""What is reached by methods that are no operations: streams and files."""
NONE = {
    "GET /health/live": "for what keeps the API running",
    "GET /health/ready": "for what sends requests to the API; DocumentClient.readiness",
    "GET /metrics": "for Prometheus",
}
GIVEN = {
    "definition": {"name": "x"},
    "which": {"id": [7]},
    "jobs": [{}],
    "lines": [b'"/x"'],
    "paths": ["/x"],
    "content": b"x",
}


def asked(name: str) -> Iterator[Ask[Any]]:
    """What it asks for first, given a number wherever one may stand, and what instead where there is nothing."""
    parameters = inspect.signature(OPERATIONS[name].describe).parameters.values()
    needed = [one.name for one in parameters if one.default is one.empty and one.kind is one.POSITIONAL_OR_KEYWORD]
    described = OPERATIONS[name].describe(None, *(GIVEN.get(one, "7") for one in needed[1:]))
    if isinstance(described, Flow):
        described = described.begin()
    ask = described if isinstance(described, Ask) or described is None else next(described)
    while ask is not None:
        yield ask
        ask = ask.otherwise


def reached(ask: Ask[Any]) -> list[tuple[str, APIRoute]]:
    address = f"/api/v1{ask.path.replace('{}', '7')}"
    return [
        (f"{ask.method} {path}", route)
        for path, route in ROUTES
        if ask.method in (route.methods or ()) and compile_path(path)[0].fullmatch(address)
    ]


@pytest.mark.parametrize("name", OPERATIONS)
def test_it_asks_for_a_route_and_reads_its_model(name: str):
    for ask in asked(name):
        routes = reached(ask)
        assert routes, f"{ask.method} {ask.path}"
        models = {route.response_model for _, route in routes}
        assert ask.answer in models, models


def test_every_route_has_a_method_or_a_reason_for_none():
    there = {f"{method} {path}" for path, route in ROUTES for method in route.methods or ()}
    by_operations = {route for name in OPERATIONS for ask in asked(name) for route, _ in reached(ask)}
    explained = METHODS.keys() | NONE.keys()
    assert there - by_operations - explained == set(), "give each a method, or a reason for none"
    assert explained <= there, "these routes are gone"
    assert explained & by_operations == set(), "these have a method"


@pytest.mark.parametrize("client", [Client, AsyncClient, DocumentClient])
@pytest.mark.parametrize("name", METHODS.values())
def test_the_method_is_there_in_each_way(client: type, name: str):
    assert inspect.getdoc(getattr(client, name))


def test_a_line_of_a_ledger_is_as_it_is_written():
    assert tuple(LedgerLine.model_fields) == Line.__struct_fields__
