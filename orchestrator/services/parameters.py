"""What an action's JSON Schema finds wrong with the parameters it would be given, in words."""

from collections.abc import Collection, Iterator, Mapping
from functools import lru_cache
from typing import Any, cast

import msgspec
from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, ValidationError
from referencing import Registry
from referencing.exceptions import Unresolvable

from orchestrator.domain.fields import shown
from orchestrator.domain.place import inside, place_of
from orchestrator.errors import Fault

_TYPES = {
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "an object",
    "null": "null",
}
_NOTHING_FETCHED: Registry[Any] = Registry()


def parameter_faults(
    schema: Mapping[str, Any], params: Mapping[str, Any], place: str, *, unread: Collection[str] = ()
) -> list[Fault]:
    """Every fault of the parameters, with its place; the values of ``unread`` ones are not looked at."""
    try:
        _check(msgspec.json.encode(schema, order="deterministic"))
        properties: dict[str, Any] = dict(schema.get("properties", {}))
        properties.update({name: {} for name in unread if name in properties})
        validator = Draft202012Validator({**schema, "properties": properties}, registry=_NOTHING_FETCHED)
        errors: Iterator[ValidationError] = cast(Any, validator).iter_errors(dict(params))
        # Each missing key is an error of its own that names them all: told once.
        return list(dict.fromkeys(fault for error in errors for fault in _faults(error, place)))
    except (SchemaError, Unresolvable, RecursionError) as error:
        return [Fault(place, f"the site's description of its parameters can not be used: {str(error).splitlines()[0]}")]


@lru_cache(maxsize=1024)
def _check(schema: bytes) -> None:
    """SchemaError when it is none. To know that takes longer than all else about a small job: asked once of each."""
    Draft202012Validator.check_schema(msgspec.json.decode(schema))


def _faults(error: ValidationError, start: str) -> Iterator[Fault]:
    """One fault for each key that is too many or too few, one for everything else."""
    place = place_of(error.absolute_path, start)
    schema, instance = cast(dict[str, Any], error.schema), cast(Any, error).instance
    known: dict[str, Any] = schema.get("properties", {})
    match error.validator:
        case "additionalProperties" if isinstance(instance, dict):
            for key in cast(dict[str, Any], instance).keys() - known.keys():
                yield Fault(inside(place, key), f"unknown parameter; known: {', '.join(sorted(known)) or 'none'}")
        case "required":
            for key in cast(list[str], error.validator_value):
                if key not in instance:
                    yield Fault(inside(place, key), "is required")
        case _:
            yield Fault(place, _reason(error))


def _reason(error: ValidationError) -> str:
    value: Any = error.validator_value
    found = shown(error.instance)
    match error.validator:
        case "type":
            return f"has to be {_type_words(value)}, not {found}"
        case "enum":
            return f"has to be one of {', '.join(map(shown, value))}, not {found}"
        case "const":
            return f"has to be {shown(value)}, not {found}"
        case "anyOf" | "oneOf" if all("type" in option for option in value):
            return f"has to be {' or '.join(_type_words(option['type']) for option in value)}, not {found}"
        case "minimum":
            return f"has to be at least {value}, not {found}"
        case "maximum":
            return f"has to be at most {value}, not {found}"
        case "exclusiveMinimum":
            return f"has to be more than {value}, not {found}"
        case "exclusiveMaximum":
            return f"has to be less than {value}, not {found}"
        case _:
            return error.message if len(error.message) <= 300 else f"{error.message[:300]}..."


def _type_words(types: str | list[str]) -> str:
    return " or ".join(_TYPES.get(name, name) for name in ([types] if isinstance(types, str) else types))
