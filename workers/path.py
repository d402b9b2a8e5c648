"""A path as a handler sees it."""

import os
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from workers.spool import Notes, Spool, is_reference

_NONE: Mapping[str, Any] = MappingProxyType({})


class Path:
    """One path of a task: its name, what discovery saw, and the notes that travel with it.

    ``path`` is text that every function of ``os`` takes back as the same bytes, whatever they are; it can not
    always be printed. Handlers are given these, and do not make them.
    """

    __slots__ = ("_noted", "_notes", "_raw", "_renamed", "_spool", "base", "index", "kind", "size", "state")

    def __init__(
        self,
        index: int,
        raw: bytes,
        *,
        base: bytes = b"",
        kind: str = "?",
        state: str | None = None,
        size: int | None = None,
        notes: Mapping[str, Any] | None = None,
        spool: Spool | None = None,
    ) -> None:
        self.index = index
        """Its place in the batch."""
        self._raw = raw
        self.base = base
        """The starting path under which it was found; empty when it was given as it is."""
        self.kind = kind
        """``f`` file, ``d`` directory, ``l`` symlink, ``o`` other; ``?`` when nobody has looked."""
        self.state = state
        """What discovery says happened to it (created, modified ...)."""
        self.size = size
        """Bytes, as discovery saw it."""
        self._notes: Mapping[str, Any] = notes or _NONE
        self._spool = spool
        self._noted = self._renamed = False

    @property
    def raw(self) -> bytes:
        """Its present name, as bytes."""
        return self._raw

    @property
    def path(self) -> str:
        """Its present name, as text."""
        return os.fsdecode(self._raw)

    @property
    def notes(self) -> Mapping[str, Any]:
        """What this and earlier steps noted; read only, see ``note``.

        Reading one that was put aside, since it is long, raises NoteElsewhere when it is not at this site.
        """
        if self._spool and any(map(is_reference, self._notes.values())):
            return Notes(self._notes, self._spool)
        return MappingProxyType(self._notes)

    @property
    def kept_notes(self) -> Mapping[str, Any]:
        """The notes as they travel: of those that were put aside only where they are."""
        return MappingProxyType(self._notes)

    @property
    def noted(self) -> bool:
        """Whether this step has noted anything."""
        return self._noted

    @property
    def renamed(self) -> bool:
        """Whether this step has renamed it."""
        return self._renamed

    def rename(self, new: str | bytes | os.PathLike[str]) -> None:
        """Give it another name from here on; see ``Context.rename``."""
        raw = os.fsencode(new)
        if not raw or b"\0" in raw:
            raise ValueError(f"{raw!r} can not be the name of a path")
        self._raw, self._renamed = raw, True

    def note(self, **values: Any) -> None:
        """Keep values with the path for the steps after this one: JSON.

        Up to 4 KiB of them travel with a path. Where there are more, the longest ones (up to 16 MiB each) are put aside
        in the site's spool folder, where the steps at this site can read them. A path whose notes are too long for
        that, or not JSON, is failed when the handler returns.
        """
        self._notes = {**self._notes, **values}
        self._noted = True

    def __fspath__(self) -> str:
        return self.path

    def __repr__(self) -> str:
        return f"Path({self._raw!r})"
