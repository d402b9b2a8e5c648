"""A workflow's fields: what is asked for at submit, how it is checked, and how it gets into the steps' parameters.

A text that is exactly ``*name`` stands for the whole value of that field; there is no other templating. ``**name``
is the text ``*name`` itself.
"""

import re
import reprlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, cast

from orchestrator.domain.place import inside
from orchestrator.errors import Fault

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_REFERENCE = re.compile(rf"\*({NAME.pattern})")
_ESCAPED = re.compile(rf"\*\*+{NAME.pattern}")
LANE = re.compile(r"[A-Za-z0-9_-]{1,100}")
GROUP = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@+-]{0,99}")
_CUT = 80


class FieldType(StrEnum):
    """What kind of value a field takes."""

    STRING = "string"
    INT = "int"
    FLOAT = "float"
    BOOL = "bool"
    CHOICE = "choice"
    SITE = "site"
    QUEUE = "queue"
    PATH = "path"
    PATHS = "paths"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class Field:
    """One field: without a value it is its default; without a default either, it is absent."""

    name: str
    type: FieldType = FieldType.STRING
    choices: tuple[Any, ...] = ()
    default: Any = None
    required: bool = False

    def fault(self, value: Any) -> str | None:
        """Why this can not be its value, or None."""
        expected = _expected(self, value)
        return expected and f"has to be {expected}, not {shown(value)}"


def bind(
    fields: Sequence[Field], values: Mapping[str, Any], *, sites: Collection[str] | None = None
) -> tuple[dict[str, Any], list[Fault]]:
    """The value of every field that has one, and what is wrong (places ``$.fields.<name>``).

    null is "not given", except for a json field. With ``sites``, the value of a site field must be one of them.
    """
    bound: dict[str, Any] = {}
    faults: list[Fault] = []
    known = {field.name: field for field in fields}
    for name in values.keys() - known.keys():
        names = ", ".join(known) or "none"
        faults.append(Fault(inside("$.fields", name), f"unknown field; this workflow's fields: {names}"))
    for name, field in known.items():
        place = inside("$.fields", name)
        if name in values and (values[name] is not None or field.type is FieldType.JSON):
            value = values[name]
        elif field.default is not None:
            value = field.default
        else:
            if field.required:
                faults.append(Fault(place, "is required"))
            continue
        if reason := field.fault(value):
            faults.append(Fault(place, reason))
        elif field.type is FieldType.SITE and sites is not None and value not in sites:
            faults.append(Fault(place, unknown_site(value, sites)))
        else:
            bound[name] = value
    return bound, faults


def reference(value: object) -> str | None:
    """The name of the field that this value stands for, or None when it stands for itself."""
    found = _REFERENCE.fullmatch(value) if isinstance(value, str) else None
    return found[1] if found else None


def references(value: object, place: str) -> Iterator[tuple[str, str]]:
    """Every reference in a value, at any depth, as (place, field's name)."""
    if name := reference(value):
        yield place, name
    elif isinstance(value, dict):
        for key, member in cast(dict[str, object], value).items():
            yield from references(member, inside(place, key))
    elif isinstance(value, list):
        for i, element in enumerate(cast(list[object], value)):
            yield from references(element, inside(place, i))


def substitute(params: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters with every reference replaced.

    A parameter whose field is absent is left out, so that the action's own default holds; deeper inside it is null.
    """
    return {
        key: _replaced(value, values)
        for key, value in params.items()
        if (name := reference(value)) is None or name in values
    }


def _replaced(value: Any, values: Mapping[str, Any]) -> Any:
    if isinstance(value, str):
        if name := reference(value):
            return values.get(name)
        return value[1:] if _ESCAPED.fullmatch(value) else value
    if isinstance(value, dict):
        return {key: _replaced(member, values) for key, member in cast(dict[str, Any], value).items()}
    if isinstance(value, list):
        return [_replaced(element, values) for element in cast(list[Any], value)]
    return value


def unknown_site(name: str, known: Collection[str]) -> str:
    """The reason for refusing a site."""
    return f"unknown site {shown(name)}; known: {', '.join(sorted(known)) or 'none yet'}"


def shown(value: object) -> str:
    """A value in a message: short."""
    if not isinstance(value, str):
        return reprlib.repr(value)
    return f"'{value}'" if len(value) <= _CUT else f"'{value[:_CUT]}...'"


def _expected(field: Field, value: Any) -> str | None:
    match field.type:
        case FieldType.STRING:
            return None if isinstance(value, str) else "a text"
        case FieldType.INT:
            return None if isinstance(value, int) and not isinstance(value, bool) else "a whole number"
        case FieldType.FLOAT:
            return None if isinstance(value, int | float) and not isinstance(value, bool) else "a number"
        case FieldType.BOOL:
            return None if isinstance(value, bool) else "true or false"
        case FieldType.CHOICE:
            alike = any(type(value) is type(choice) and value == choice for choice in field.choices)
            return None if alike else f"one of {', '.join(map(shown, field.choices))}"
        case FieldType.SITE:
            return None if isinstance(value, str) else "the name of a site"
        case FieldType.QUEUE:
            return None if isinstance(value, str) and LANE.fullmatch(value) else "the name of a queue"
        case FieldType.PATH:
            return None if isinstance(value, str) and value else "a path"
        case FieldType.PATHS:
            return None if _is_paths(value) else "a list of paths"
        case FieldType.JSON:
            return None


def _is_paths(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(path, str) and path for path in cast(list[object], value))
