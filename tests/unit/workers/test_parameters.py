import json
from typing import Annotated, Any, Literal

import jsonschema
import pytest
from pydantic import Field

from orchestrator.errors import ConfigError, Invalid
from workers import Context, Path
from workers.parameters import Parameters


def handler(
    ctx: Context,
    paths: list[Path],
    *,
    zoom: Annotated[int, Field(ge=0, le=22, description="how near")] = 12,
    mode: Literal["fast", "exact"] = "fast",
    copy: bool = False,
    json: list[str] | None = None,
    scale: float,
) -> None: ...


def anything(ctx: Context, paths: list[Path], plain: Any, **more: Any) -> None: ...


def test_schema() -> None:
    schema = Parameters(handler, "it").schema
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema == {
        "type": "object",
        "additionalProperties": False,
        "required": ["scale"],
        "properties": {
            "zoom": {"type": "integer", "minimum": 0, "maximum": 22, "default": 12, "description": "how near"},
            "mode": {"enum": ["fast", "exact"], "default": "fast", "type": "string"},
            "copy": {"type": "boolean", "default": False},
            "json": {"anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "null"}], "default": None},
            "scale": {"type": "number"},
        },
    }
    assert json.loads(json.dumps(schema)) == schema
    assert Parameters(anything, "it").schema["additionalProperties"] is True


def test_bind() -> None:
    parameters = Parameters(handler, "it")
    assert parameters.bind({"scale": 1, "json": ["a"]}) == {"scale": 1.0, "json": ["a"]}
    assert Parameters(anything, "it").bind({"plain": {}, "other": [1]}) == {"plain": {}, "other": [1]}


@pytest.mark.parametrize(
    ("given", "place"),
    [
        ({}, "$.scale"),
        ({"scale": "1"}, "$.scale"),
        ({"scale": 1, "zoom": 23}, "$.zoom"),
        ({"scale": 1, "zoom": True}, "$.zoom"),
        ({"scale": 1, "mode": "slow"}, "$.mode"),
        ({"scale": 1, "json": ["a", 2]}, "$.json"),
        ({"scale": 1, "unknown": 1}, "$.unknown"),
    ],
)
def test_the_schema_and_the_check_refuse_the_same(given: dict[str, Any], place: str) -> None:
    parameters = Parameters(handler, "it")
    with pytest.raises(Invalid) as raised:
        parameters.bind(given)
    assert any(fault.place.startswith(place) for fault in raised.value.faults)
    assert not jsonschema.Draft202012Validator(parameters.schema).is_valid(given)


def test_what_is_not_json() -> None:
    with pytest.raises(Invalid):
        Parameters(anything, "it").bind({"plain": object()})


def test_signatures_that_can_not_work() -> None:
    def no_paths(ctx: Context) -> None: ...
    def unnamed(ctx: Context, paths: list[Path], *more: int) -> None: ...
    def unreadable(ctx: Context, paths: list[Path], *, how: "Nowhere") -> None: ...  # type: ignore[name-defined]  # noqa: F821
    def strange(ctx: Context, paths: list[Path], *, how: Context) -> None: ...

    for function in (no_paths, unnamed, unreadable, strange):
        with pytest.raises(ConfigError, match="the action"):
            Parameters(function, "the action")
