"""Read ``--field name=value`` by the types that the workflow gives its fields."""

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from orchestrator.cli.verb import usage

_YES, _NO = {"true", "yes", "on", "1"}, {"false", "no", "off", "0"}


def read_fields(given: Iterable[str], declared: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The values as the API takes them.

    A field of type ``paths`` may be given several times, any other once. A name that the workflow does not declare
    stays text: the service says what is wrong with it.
    """
    types = {field["name"]: field for field in declared}
    values: dict[str, Any] = {}
    for pair in given:
        name, equals, text = pair.partition("=")
        if not equals or not name:
            raise usage(f"--field {pair!r}: write it as name=value")
        field = types.get(name, {"type": "string"})
        if field["type"] == "paths":
            values.setdefault(name, []).append(_convert(name, text, field))
        elif name in values:
            raise usage(f"--field {name}: given twice")
        else:
            values[name] = _convert(name, text, field)
    return values


def _convert(name: str, text: str, field: dict[str, Any]) -> Any:
    convert = _CONVERTERS.get(field["type"])
    try:
        text.encode()
        return convert(text, field) if convert else text
    except UnicodeEncodeError:
        raise usage(f"--field {name}: {text!r} is not UTF-8, and a field takes text only") from None
    except ValueError as error:
        raise usage(f"--field {name}: {error}") from None


def _int(text: str, _: dict[str, Any]) -> int:
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a whole number") from None


def _float(text: str, _: dict[str, Any]) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a number") from None


def _bool(text: str, _: dict[str, Any]) -> bool:
    if text.lower() in _YES | _NO:
        return text.lower() in _YES
    raise ValueError(f"{text!r} is neither true nor false")


def _choice(text: str, field: dict[str, Any]) -> Any:
    """A choice need not be text: the one that is written so."""
    for choice in field.get("choices") or ():
        if text == (choice if isinstance(choice, str) else json.dumps(choice)):
            return choice
    raise ValueError(f"{text!r} is not one of {', '.join(map(str, field.get('choices') or ()))}")


def _json(text: str, _: dict[str, Any]) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise ValueError(f"not JSON: {error}") from None


_CONVERTERS: dict[str, Callable[[str, dict[str, Any]], Any]] = {
    "int": _int,
    "float": _float,
    "bool": _bool,
    "choice": _choice,
    "json": _json,
}
