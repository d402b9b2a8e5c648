"""Notes that are too long to travel: put aside in a folder of the site, with a reference in their place.

The hosts of a site have to share that folder. At another site the reference is all there is: reading such a note fails.
"""

import hashlib
import os
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeGuard, cast

import msgspec

MOST_BYTES = 16 * 1024 * 1024
"""Of one note."""
KEPT_DAYS = 30
_SWEEP_SECONDS = 3600.0
_REFERENCE = "$spilled"
_NAME = re.compile(r"[0-9]+-[0-9]+-[0-9]+-[0-9]+-[0-9a-f]{16}\.json")
Reference = Mapping[str, Mapping[str, Any]]


class NoteElsewhere(Exception):
    """A note that can not be read here: put aside at another site, or not there any more."""


class Spool:
    """The folder of one site."""

    def __init__(self, folder: Path, site: str) -> None:
        self._folder, self._site = folder, site

    def put(self, value: Any, *place: int) -> dict[str, dict[str, Any]]:
        """Put a value aside, and give what stands for it; ``place`` is job, task, attempt and index of its path.

        ValueError when it is too long, OSError when it can not be written.
        """
        content = msgspec.json.encode(value)
        if len(content) > MOST_BYTES:
            raise ValueError(f"{len(content)} bytes, at most {MOST_BYTES}")
        digest = hashlib.sha256(content).hexdigest()
        name = "-".join([*map(str, place), digest[:16]]) + ".json"
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._sweep()
        part = self._folder / f".{name}.{os.getpid()}"
        try:
            with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(content)
            part.rename(self._folder / name)
        except OSError:
            part.unlink(missing_ok=True)
            raise
        return {_REFERENCE: {"site": self._site, "file": name, "bytes": len(content), "sha256": digest}}

    def get(self, key: str, reference: Reference) -> Any:
        """The value again; NoteElsewhere, with the reason, when it can not be read here."""
        about = reference[_REFERENCE]
        site, name = str(about.get("site")), str(about.get("file"))
        what = f"the note {key!r} ({about.get('bytes')} bytes)"
        if site != self._site:
            raise NoteElsewhere(
                f"{what} was put aside at site {site}, and this is {self._site}: only short ones travel"
            )
        if not _NAME.fullmatch(name):
            raise NoteElsewhere(f"{what} was not put aside by this site: {name!r}")
        try:
            content = (self._folder / name).read_bytes()
        except FileNotFoundError:
            raise NoteElsewhere(
                f"{what} is not in {self._folder}: it is kept for {KEPT_DAYS} days, and a site's hosts have to share it"
            ) from None
        if hashlib.sha256(content).hexdigest() != about.get("sha256"):
            raise NoteElsewhere(f"{what} is not what it was when it was put aside: {self._folder / name}")
        return msgspec.json.decode(content)

    def _sweep(self) -> None:
        """Remove what is old, once an hour at most: who puts something aside makes room for it."""
        swept, now = self._folder / ".swept", time.time()
        with suppress(OSError):
            if swept.exists() and now - swept.stat().st_mtime < _SWEEP_SECONDS:
                return
            swept.touch()
            for file in self._folder.iterdir():
                if file != swept and now - file.stat().st_mtime > KEPT_DAYS * 86400:
                    file.unlink(missing_ok=True)


def is_reference(value: object) -> TypeGuard[Reference]:
    """Whether it stands for a value that has been put aside."""
    if not isinstance(value, dict):
        return False
    only = cast("dict[object, object]", value)
    return len(only) == 1 and isinstance(only.get(_REFERENCE), dict)


class Notes(Mapping[str, Any]):
    """Notes of which some have been put aside: each is read when it is asked for."""

    def __init__(self, notes: Mapping[str, Any], spool: Spool) -> None:
        self._notes, self._spool = notes, spool

    def __getitem__(self, key: str) -> Any:
        value = self._notes[key]
        return self._spool.get(key, value) if is_reference(value) else value

    def __iter__(self) -> Iterator[str]:
        return iter(self._notes)

    def __len__(self) -> int:
        return len(self._notes)
