"""One path in a line of JSON: a text, or an object with ``path`` (or ``path_b64``, its bytes), ``state``, ``size``."""

import base64
from typing import NamedTuple, cast

import msgspec

from orchestrator.contracts.submission import MAX_PATH_BYTES

LONGEST_LINE = 256 * 1024
"""Bytes: a path may take up to six times its length in JSON."""
_LARGEST = (1 << 63) - 1
_KEYS = frozenset({"path", "path_b64", "state", "size"})


class PathLine(NamedTuple):
    """A path, with what is known of it."""

    path: bytes
    state: str | None = None
    size: int | None = None
    """Bytes."""

    @property
    def kind(self) -> str:
        """Nobody has looked."""
        return "?"

    @property
    def base(self) -> bytes:
        """It was found below none."""
        return b""


class BadLine(ValueError):
    """The line is no path; the message says why."""


def read_line(line: bytes, key: str = "path", *, strict: bool = True) -> PathLine:
    """The path in a line; BadLine when there is none. ``key`` is the one that has it; others are refused if strict."""
    try:
        said = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadLine(f"is not JSON: {error}") from None
    if isinstance(said, str):
        return PathLine(checked(_encoded(said)))
    if not isinstance(said, dict):
        raise BadLine(f"has to be a text, or an object with {key}")
    entry = cast(dict[str, object], said)
    if strict and (strange := entry.keys() - _KEYS):
        raise BadLine(f"unknown key {min(strange)!r}; known: {', '.join(sorted(_KEYS))}")
    return PathLine(checked(_path(entry, key)), _state(entry.get("state")), _size(entry.get("size")))


def checked(path: bytes) -> bytes:
    """The path, when it can be one."""
    if not path:
        raise BadLine("the path is empty")
    if b"\0" in path:
        raise BadLine("the path contains a NUL character")
    if len(path) > MAX_PATH_BYTES:
        raise BadLine(f"the path is longer than {MAX_PATH_BYTES} bytes")
    return path


def _path(entry: dict[str, object], key: str) -> bytes:
    encoded = entry.get("path_b64")
    if encoded is not None:
        try:
            return base64.b64decode(cast(str, encoded), validate=True)
        except (TypeError, ValueError):
            raise BadLine("path_b64 is not base64") from None
    if key not in entry:
        raise BadLine(f"has neither {key} nor path_b64")
    value = entry[key]
    if not isinstance(value, str):
        raise BadLine(f"{key} has to be a text")
    return _encoded(value)


def _encoded(path: str) -> bytes:
    try:
        return path.encode()
    except UnicodeEncodeError:
        raise BadLine("the path is not valid Unicode; one that is not goes into path_b64") from None


def _state(state: object) -> str | None:
    if state is None or (isinstance(state, str) and 0 < len(state) <= 100 and "\0" not in state and _is_text(state)):
        return state
    raise BadLine("state has to be a text of 1 to 100 characters")


def _is_text(said: str) -> bool:
    return not any("\ud800" <= letter <= "\udfff" for letter in said)


def _size(size: object) -> int | None:
    if size is None or (isinstance(size, int) and not isinstance(size, bool) and 0 <= size <= _LARGEST):
        return size
    raise BadLine("size has to be a whole number of bytes, 0 or more")
