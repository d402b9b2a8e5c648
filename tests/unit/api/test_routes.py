"""What every route has to say of itself."""

import pytest
from fastapi.routing import APIRoute
from jsonschema import Draft202012Validator
from sqlalchemy import create_engine
from starlette.routing import BaseRoute

from orchestrator.api.app import ROUTERS, make_app
from orchestrator.api.openapi import permission_of
from orchestrator.api.requires import StrictQuery
from orchestrator.domain.roles import Permission

FORMATS = Draft202012Validator.FORMAT_CHECKER
ROUTES = [(prefix, route) for prefix, router in ROUTERS for route in router.routes]
NAMES = [f"{','.join(getattr(route, 'methods', ()))} {getattr(route, 'path', '')}" for _, route in ROUTES]


@pytest.mark.parametrize(("prefix", "route"), ROUTES, ids=NAMES)
def test_it_declares_a_permission_and_refuses_unknown_parameters(prefix: str, route: BaseRoute):
    assert isinstance(route, APIRoute)
    permission = permission_of(route)
    assert permission is not None
    assert (permission is Permission.OPEN) == route.path.startswith("/health/")
    models = [field.field_info.annotation for field in route.dependant.query_params]
    assert any(isinstance(model, type) and issubclass(model, StrictQuery) for model in models)


def test_every_body_and_every_answer_has_an_example_that_is_what_its_schema_says():
    document = make_app(create_engine("postgresql+psycopg://"), secret=b"", redis_url=None).openapi()
    parts = {"components": document["components"]}
    checked = 0
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            answers = [told for told in operation["responses"].values() if "content" in told]
            for body in [operation.get("requestBody", {"content": {}}), *answers]:
                for kind, media in body["content"].items():
                    assert "example" in media, f"{method} {path}: {kind}"
                    validator = Draft202012Validator({**media["schema"], **parts}, format_checker=FORMATS)
                    wrong = [f"{one.json_path}: {one.message}" for one in validator.iter_errors(media["example"])]
                    assert not wrong, f"{method} {path}: {wrong}"
                    checked += 1
            for parameter in operation.get("parameters", ()):
                if parameter["in"] == "path":
                    validator = Draft202012Validator({**parameter["schema"], **parts})
                    assert validator.is_valid(parameter["example"]), f"{method} {path}: {parameter}"
    assert checked > 500


def test_the_document_describes_every_route_and_its_problems():
    document = make_app(create_engine("postgresql+psycopg://"), secret=b"", redis_url=None).openapi()
    operations = [
        (f"{method} {path}", operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    assert len(operations) == len(ROUTES)
    for name, operation in operations:
        assert operation.get("summary"), name
        assert "application/problem+json" in operation["responses"]["422"]["content"], name
        if operation["security"]:
            assert {"401", "403"} <= operation["responses"].keys(), name
        if "{" in name:
            assert "404" in operation["responses"], name
    assert "HTTPValidationError" not in str(document)
