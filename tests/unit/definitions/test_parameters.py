from typing import Any

import pytest

from orchestrator.services.parameters import parameter_faults

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "zoom": {"type": "integer", "minimum": 0},
        "mode": {"enum": ["a", "b"]},
        "maybe": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "deep": {
            "type": "array",
            "items": {"type": "object", "required": ["x"], "properties": {"x": {"type": "number"}}},
        },
    },
    "required": ["zoom", "mode"],
    "additionalProperties": False,
}


def found(params: dict[str, Any], **more: Any) -> dict[str, str]:
    return {fault.place: fault.reason for fault in parameter_faults(SCHEMA, params, "$", **more)}


def test_good_parameters_have_no_fault() -> None:
    assert found({"zoom": 1, "mode": "a", "maybe": None, "deep": [{"x": 1.5}]}) == {}


def test_every_fault_is_told_with_its_place() -> None:
    assert found({"zoom": "1", "maybe": 1, "deep": [{"x": 1}, {}, {"x": "y"}], "zooom": 2}) == {
        "$.zoom": "has to be a whole number, not '1'",
        "$.mode": "is required",
        "$.maybe": "has to be a text or null, not 1",
        "$.deep[1].x": "is required",
        "$.deep[2].x": "has to be a number, not 'y'",
        "$.zooom": "unknown parameter; known: deep, maybe, mode, zoom",
    }


def test_missing_ones_are_each_told_once() -> None:
    faults = parameter_faults(SCHEMA, {}, "$")
    assert sorted(fault.place for fault in faults) == ["$.mode", "$.zoom"]


def test_what_is_unread_has_to_be_known_all_the_same() -> None:
    params = {"zoom": "*f", "mode": "*f", "zooom": "*f"}
    assert found(params, unread=params.keys()).keys() == {"$.zooom"}


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "no such type"},
        {"properties": {"zoom": {"$ref": "https://localhost:1/schema.json"}}},
        {"properties": {"zoom": {"$ref": "#/$defs/nowhere"}}},
        {"properties": {"zoom": {"pattern": "("}}},
        {"properties": 3},
    ],
)
def test_a_schema_that_can_not_be_used_is_a_fault_and_no_failure(schema: dict[str, Any]) -> None:
    faults = parameter_faults(schema, {"zoom": "1"}, "$.here")
    assert [fault.place for fault in faults] == ["$.here"]
    assert "can not be used" in faults[0].reason
