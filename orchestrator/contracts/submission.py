"""A submission: which workflow is to run where, over which paths."""

import base64
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Self, cast

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    SkipValidation,
    StringConstraints,
    model_validator,
)

from orchestrator.contracts.dependency import Dependencies
from orchestrator.contracts.extent import Extent
from orchestrator.contracts.faults import MOST
from orchestrator.contracts.paths import PathList, is_url
from orchestrator.domain.fields import LANE, shown
from orchestrator.domain.place import inside
from orchestrator.errors import Fault

MAX_PATHS = 1_000_000
MAX_PATH_BYTES = 32 * 1024
CHUNK_PATHS = 5_000
CHUNK_BYTES = 1024 * 1024
_MAX_SIZE = (1 << 63) - 1
_KEYS = frozenset({"path", "path_b64", "state", "size"})

Word = Annotated[str, StringConstraints(min_length=1, max_length=100)]
Moment = Annotated[AwareDatetime, Field(strict=False, examples=["2030-01-31T22:00:00Z"])]


class GivenPath(BaseModel):
    """A path with what is known of it. ``path_b64`` has its bytes where they are no UTF-8, and goes before ``path``."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"anyOf": [{"required": ["path"]}, {"required": ["path_b64"]}]}
    )

    path: Annotated[str, Field(min_length=1, max_length=MAX_PATH_BYTES)] | None = None
    path_b64: str | None = None
    state: Word | None = None
    """What happened to it (created, modified ...), for rules that ask for a state."""
    size: Annotated[int, Field(ge=0, le=_MAX_SIZE)] | None = None
    """Bytes."""


class Submission(BaseModel):
    """What POST /jobs takes. The paths are checked apart (``read_paths``): there may be very many."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        frozen=True,
        json_schema_extra={
            "examples": [
                {"workflow": "verify_and_copy", "site": "london", "paths": ["/data/scans"], "fields": {"to": "paris"}}
            ]
        },
    )

    workflow: Word
    workflow_version: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = None
    """This version of it; absent: the newest."""
    site: Word
    paths: Annotated[SkipValidation[list[str | GivenPath]], Field(max_length=MAX_PATHS)] = []
    """At least one, but for a stream, which is sent its paths afterwards."""
    fields: dict[str, Any] = {}
    queue: Annotated[str, StringConstraints(pattern=f"^{LANE.pattern}$")] = "default"
    priority: Annotated[int, Field(ge=0, le=9)] = 5
    """9 is served first."""
    discovery: Word | None = None
    """Instead of the workflow's own; null = exactly the paths given."""
    not_before: Moment | None = None
    """Until then it waits as Pending, and nothing of it begins."""
    name: Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00]*$")] | None = None
    due_at: Moment | None = None
    """When it should be done; nothing happens by itself then."""
    extent: Extent | None = None
    attributes: dict[str, Any] = {}
    """What its users want to know of it; the workflow may have a schema for them."""
    deadline: Moment | None = None
    """If it has not ended then, it is cancelled."""
    depends_on: Dependencies = []
    """Jobs that have to be at least at a state before anything of this one begins."""
    max_running: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    """At most so many of its tasks run at once; its workflow may have limits beside."""
    dry_run: bool = False
    """Only find the paths, and count what would run (``GET /jobs/{id}/forecast``); nothing does."""

    @model_validator(mode="after")
    def _has_time(self) -> Self:
        if self.not_before and self.deadline and self.deadline <= self.not_before:
            raise ValueError("the deadline has to be later than not_before")
        return self

    @property
    def overrides_discovery(self) -> bool:
        """Whether it says how paths are found, be it null."""
        return "discovery" in self.model_fields_set


def read_paths(value: object) -> tuple[PathList, list[Fault]]:
    """The given paths in columns, in their order, and what is wrong with the first few that are wrong."""
    if not isinstance(value, list):
        return PathList([]), [Fault("$.paths", "has to be a list")]
    items = cast(list[object], value)
    if len(items) > MAX_PATHS:
        return PathList([]), [Fault("$.paths", f"has {len(items)} paths: it takes 1 to {MAX_PATHS}")]
    reader = _Reader()
    for item in items:
        # Most are plain text: those take the short way.
        if isinstance(item, str) and 0 < len(item) <= MAX_PATH_BYTES and item.isascii() and "\0" not in item:
            reader.paths.append(item.encode())
            continue
        reader.take(item)
        if len(reader.faults) >= MOST:
            break
    every = range(len(items))
    read = PathList(
        reader.paths,
        states=[reader.states.get(i) for i in every] if reader.states else [],
        sizes=[reader.sizes.get(i) for i in every] if reader.sizes else [],
    )
    return read, reader.faults[:MOST]


def chunks(paths: PathList) -> Iterator[PathList]:
    """The paths in lists that are small enough for one walk each, in their order."""
    begin, size = 0, 0
    for i, path in enumerate(paths.paths):
        size += len(path)
        if i - begin == CHUNK_PATHS or (size > CHUNK_BYTES and i > begin):
            yield part(paths, begin, i)
            begin, size = i, len(path)
    yield part(paths, begin, len(paths))


def part(paths: PathList, begin: int, end: int) -> PathList:
    """Some of the paths, with their columns."""
    here = slice(begin, end)
    return PathList(paths.paths[here], states=paths.states[here], sizes=paths.sizes[here])


def relative_faults(paths: Sequence[bytes]) -> Iterator[Fault]:
    """The starting paths that are neither absolute nor the URL of a store; an empty one was refused before."""
    for i, path in enumerate(paths):
        if path and not path.startswith(b"/") and not is_url(path):
            text = shown(path.decode(errors="replace"))
            yield Fault(f"$.paths[{i}]", f"has to be an absolute path, to be searched: {text}")


class _Reader:
    """Collects paths, what is said of them, and what is wrong. A wrong one keeps its place, as an empty path."""

    def __init__(self) -> None:
        self.paths: list[bytes] = []
        self.states: dict[int, str] = {}
        self.sizes: dict[int, int] = {}
        self.faults: list[Fault] = []

    def take(self, item: object) -> None:
        """Read the next path."""
        i = len(self.paths)
        if isinstance(item, str):
            self.paths.append(self._path(item, i, ""))
        elif isinstance(item, dict):
            self._entry(cast(dict[str, object], item), i)
        else:
            self.paths.append(b"")
            self._wrong(i, "", "has to be a text, or an object with path or path_b64")

    def _entry(self, entry: dict[str, object], i: int) -> None:
        if not entry.keys() <= _KEYS:
            for key in entry.keys() - _KEYS:
                self.faults.append(
                    Fault(inside(f"$.paths[{i}]", key), f"unknown key; known: {', '.join(sorted(_KEYS))}")
                )
        if (encoded := entry.get("path_b64")) is not None:
            self.paths.append(self._path(_decoded(encoded), i, ".path_b64"))
        elif "path" in entry:
            self.paths.append(self._path(entry["path"], i, ".path"))
        else:
            self.paths.append(b"")
            self._wrong(i, "", "has neither path nor path_b64")
        if (state := entry.get("state")) is not None:
            if isinstance(state, str) and 0 < len(state) <= 100 and "\0" not in state:
                self.states[i] = state
            else:
                self._wrong(i, ".state", "has to be a text of 1 to 100 characters")
        if (size := entry.get("size")) is not None:
            if isinstance(size, int) and not isinstance(size, bool) and 0 <= size <= _MAX_SIZE:
                self.sizes[i] = size
            else:
                self._wrong(i, ".size", "has to be a whole number of bytes, 0 or more")

    def _path(self, path: object, i: int, where: str) -> bytes:
        try:
            exact = path.encode() if isinstance(path, str) else path
        except UnicodeEncodeError:
            return self._wrong(i, where, "is not valid Unicode; a path that is not goes into path_b64")
        if not isinstance(exact, bytes):
            return self._wrong(i, where, "is not base64" if where == ".path_b64" else "has to be a text")
        if not exact:
            return self._wrong(i, where, "is empty")
        if b"\0" in exact:
            return self._wrong(i, where, "contains a NUL character")
        if len(exact) > MAX_PATH_BYTES:
            return self._wrong(i, where, f"is longer than {MAX_PATH_BYTES} bytes")
        return exact

    def _wrong(self, i: int, where: str, reason: str) -> bytes:
        self.faults.append(Fault(f"$.paths[{i}]{where}", reason))
        return b""


def _decoded(encoded: object) -> bytes | None:
    try:
        return base64.b64decode(encoded, validate=True) if isinstance(encoded, str) else None
    except ValueError:
        return None
