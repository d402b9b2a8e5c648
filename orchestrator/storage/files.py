"""The folder of the attachments: a file a row, below a folder a job. A file without a row is nobody's."""

import hashlib
import os
import re
import time
from collections.abc import AsyncIterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from io import BufferedWriter
from pathlib import Path
from uuid import uuid4

from anyio import to_thread
from sqlalchemy import Engine, text

ABANDONED_S = 3600.0
"""A file without a row that is older than this is removed: a younger one may be about to get its row."""
_NUMBER = re.compile(r"[0-9]{1,19}")


@dataclass(frozen=True, slots=True)
class Received:
    """A file that has come in whole, and has no name yet."""

    path: Path
    size: int
    sha256: bytes


@dataclass(frozen=True, slots=True)
class Files:
    """The folder; it is made when something is put there."""

    folder: Path

    async def receive(self, chunks: AsyncIterable[bytes]) -> Received:
        """Write what comes to a file of its own; nothing stays of what does not come whole."""
        incoming = self.folder / "incoming"
        await to_thread.run_sync(_make, incoming)
        path, digest, size = incoming / uuid4().hex, hashlib.sha256(), 0
        try:
            with path.open("xb") as file:
                async for chunk in chunks:
                    digest.update(chunk)
                    size += len(chunk)
                    await to_thread.run_sync(file.write, chunk)
                await to_thread.run_sync(_flush, file)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return Received(path, size, digest.digest())

    def keep(self, received: Received, job: int, attachment: int) -> None:
        """Give it its place, before the row is committed: a row always has its file."""
        place = self.place(job, attachment)
        _make(place.parent)
        received.path.rename(place)

    def place(self, job: int, attachment: int) -> Path:
        """Where the file of an attachment is."""
        return self.folder / str(job) / str(attachment)

    def remove(self, job: int, attachment: int) -> None:
        """Its row is gone."""
        self.place(job, attachment).unlink(missing_ok=True)

    def sweep(self, engine: Engine, older_s: float = ABANDONED_S) -> int:
        """Remove what has no row, and what never came whole; how many files it was."""
        if not self.folder.is_dir():
            return 0
        gone = 0
        for folder in sorted(self.folder.iterdir()):
            if folder.name == "incoming":
                gone += _remove(folder.iterdir(), older_s)
            elif _NUMBER.fullmatch(folder.name):
                with engine.begin() as tx:
                    known = {str(id) for id in tx.execute(_KNOWN, {"job": int(folder.name)}).scalars()}
                gone += _remove((file for file in folder.iterdir() if file.name not in known), older_s)
                with suppress(OSError):  # not empty
                    folder.rmdir()
        return gone


_KNOWN = text("select id from attachments where job_id = :job")


def _make(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def _flush(file: BufferedWriter) -> None:
    file.flush()
    os.fsync(file.fileno())


def _remove(files: Iterator[Path], older_s: float) -> int:
    gone = 0
    for file in files:
        with suppress(FileNotFoundError):
            if time.time() - file.stat().st_mtime > older_s:
                file.unlink()
                gone += 1
    return gone
