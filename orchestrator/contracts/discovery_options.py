"""The ways to discover that every site has, and the options that each takes."""

from collections.abc import Callable, Mapping

Reason = str | None


def _flag(value: object) -> Reason:
    return None if isinstance(value, bool) else "has to be true or false"


def _one_of(*words: str) -> Callable[[object], Reason]:
    return lambda value: None if value in words else f"has to be one of {', '.join(words)}"


def _text(value: object) -> Reason:
    return None if isinstance(value, str) and value else "has to be a text"


def _column(value: object) -> Reason:
    if isinstance(value, str) and value:
        return None
    whole = isinstance(value, int) and not isinstance(value, bool) and value >= 1
    return None if whole else "has to be the name of a column, or its number from 1"


def _folder(value: object) -> Reason:
    fits = isinstance(value, str) and (value.startswith("/") or "://" in value)
    return None if fits else "has to be an absolute path, or the URL of a store"


_WALK = {"skip_missing": _flag}

DISCOVERY_OPTIONS: Mapping[str, Mapping[str, Callable[[object], Reason]]] = {
    "given": _WALK,
    "recursive": _WALK,
    "changes": _WALK,
    "object-store": _WALK,
    "listing": {
        "format": _one_of("auto", "text", "csv", "jsonl"),
        "column": _column,
        "header": _flag,
        "delimiter": _text,
        "key": _text,
        "null": _flag,
        "base": _folder,
    },
    "stream": {},
}
"""Discovery -> option -> why a value of it can not be, if so. ``given`` is how exactly the given paths are found."""
