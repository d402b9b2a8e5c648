"""What Pydantic finds wrong, as faults: the place as a JSON path, the reason in words."""

from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from orchestrator.contracts.moment import EXAMPLE
from orchestrator.domain.place import place_of
from orchestrator.domain.storable import storable_faults
from orchestrator.errors import Fault, Invalid

A = TypeVar("A", bound=BaseModel)

MOST = 20
"""So many faults are told at once; who mends these may ask again."""

_REASONS = {
    "missing": "is required",
    "extra_forbidden": "unknown key",
    "string_type": "has to be a text",
    "int_type": "has to be a whole number",
    "bool_type": "has to be true or false",
    "list_type": "has to be a list",
    "dict_type": "has to be an object",
    "model_type": "has to be an object",
    "model_attributes_type": "has to be an object",
    "int_from_float": "has to be a whole number",
}


def read_as(model: type[A], document: object, refusal: str) -> A:
    """A document as this model; Invalid, with the refusal, when it has another shape."""
    try:
        return model.model_validate(document)
    except ValidationError as error:
        raise Invalid(refusal, faults_of(error)) from None


def read_storable(model: type[A], document: object, refusal: str, *, except_below: frozenset[str] = frozenset()) -> A:
    """The same, of what is to be kept: Invalid also when the database could not hold it."""
    if unfit := list(storable_faults(document, except_below=except_below)):
        raise Invalid(refusal, unfit[:MOST])
    return read_as(model, document, refusal)


def faults_of(error: ValidationError, start: str = "$") -> list[Fault]:
    """One fault for each thing that is wrong, at most ``MOST``."""
    details = error.errors(include_url=False, include_context=True)
    return [Fault(place_of(detail["loc"], start), reason_of(detail)) for detail in details[:MOST]]


def reason_of(detail: ErrorDetails) -> str:
    """Why this is wrong, in words."""
    context: dict[str, Any] = detail.get("ctx", {})
    match detail["type"]:
        case "value_error":
            return str(context["error"])
        case "literal_error" | "enum":
            return f"has to be one of {context['expected']}"
        case "string_pattern_mismatch":
            return f"has to match {context['pattern']}"
        case "too_short":
            return f"has to have at least {context['min_length']}"
        case "too_long":
            return f"has to have at most {context['max_length']}"
        case "timezone_aware":
            return f"has no time zone: it has to be a time such as {EXAMPLE}"
        case "datetime_type" | "datetime_parsing" | "datetime_from_date_parsing" | "datetime_object_invalid":
            return f"has to be a time such as {EXAMPLE}"
        case kind:
            return _REASONS.get(kind, detail["msg"][:1].lower() + detail["msg"][1:])
