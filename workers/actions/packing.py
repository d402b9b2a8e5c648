"""Writing an archive: whole under its name, or not there; never over another."""

import hashlib
import os
import tarfile
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from io import FileIO
from typing import Any, BinaryIO, cast

import zstandard

from orchestrator.contracts.paths import is_url
from workers.actions.members import Content, Member
from workers.actions.part import Part, part_of
from workers.actions.source import CHUNK_BYTES, exists, same_content
from workers.context import Context

_ENDING = ".tar.zst"
_MOST_OF_A_NAME = 1000


@dataclass(frozen=True, slots=True)
class Packing:
    """How an archive is made."""

    destination: str
    stem: str
    level: int
    verify: bool
    sync: bool

    def place(self, number: int) -> bytes:
        """The first name it may have, the second where that is taken, and so on."""
        ending = _ENDING if number == 1 else f"-{number}{_ENDING}"
        return os.fsencode(os.path.join(self.destination, self.stem + ending))


def pack_up(ctx: Context, members: Sequence[Member], packing: Packing) -> str:
    """Write the archive; where it is. Unreadable for a member of which half may have been written."""
    if is_url(os.fsencode(packing.destination)):
        return os.fsdecode(_into_store(ctx, members, packing))
    with (
        ctx.roots.folder(os.fsencode(packing.destination), make=True) as folder,
        part_of(os.path.basename(packing.place(1)), folder) as part,
    ):
        part.file.truncate(0)
        digests = _write(ctx, members, part.file, packing.level)
        if packing.verify:
            part.file.seek(0)
            _check(ctx, cast(BinaryIO, part.file), digests)
        os.fchmod(part.file.fileno(), 0o644)
        return os.fsdecode(_publish(ctx, part, packing))


def _publish(ctx: Context, part: Part, packing: Packing) -> bytes:
    """Under the first name that is free, unless the very same archive is there: an earlier attempt's."""
    for number in range(1, _MOST_OF_A_NAME):
        place = packing.place(number)
        try:
            part.publish(replace=False, sync=packing.sync, target=os.path.basename(place))
        except FileExistsError:
            if _same(ctx, part.file, place):
                return place
        else:
            return place
    raise FileExistsError(f"there are {_MOST_OF_A_NAME} archives of this name")


def _same(ctx: Context, file: FileIO, place: bytes) -> bool:
    file.seek(0)
    with os.fdopen(ctx.roots.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as other:
        return same_content(ctx, cast(BinaryIO, file), other)


def _into_store(ctx: Context, members: Sequence[Member], packing: Packing) -> bytes:
    free = (packing.place(number) for number in range(1, _MOST_OF_A_NAME))
    place = next((place for place in free if not exists(ctx, place)), None)
    if place is None:
        raise FileExistsError(f"there are {_MOST_OF_A_NAME} archives of this name")
    with ctx.roots.stores.write(place) as out:
        digests = _write(ctx, members, out, packing.level)
    if packing.verify:
        with ctx.roots.stores.open(place) as file:
            _check(ctx, file, digests)
    return place


def _write(ctx: Context, members: Sequence[Member], out: Any, level: int) -> dict[str, bytes]:
    """Write tar through Zstandard; the digest of each file in it."""
    digests: dict[str, bytes] = {}
    compressor = zstandard.ZstdCompressor(level=level, write_checksum=True)
    with (
        compressor.stream_writer(cast(Any, _All(out.write)), closefd=False) as compressed,
        tarfile.TarFile(
            fileobj=cast(Any, compressed),
            mode="w",
            format=tarfile.PAX_FORMAT,
            encoding="utf-8",
            errors="surrogateescape",
            copybufsize=CHUNK_BYTES,
        ) as archive,
    ):
        for member in members:
            ctx.stop_if_cancelled()
            if not member.header.isreg():
                archive.addfile(member.header)
                continue
            with closing(_Digested(Content(ctx, member))) as content:
                archive.addfile(member.header, cast(Any, content))
            digests[member.header.name] = content.digest()
    return digests


def _check(ctx: Context, file: BinaryIO, digests: dict[str, bytes]) -> None:
    """Read an archive back; RuntimeError when what is in it is not what was put in."""
    found: dict[str, bytes] = {}
    with (
        zstandard.ZstdDecompressor().stream_reader(file, closefd=False) as plain,
        tarfile.open(fileobj=plain, mode="r|", encoding="utf-8", errors="surrogateescape") as archive,
    ):
        for header in archive:
            content = archive.extractfile(header) if header.isreg() else None
            if content is not None:
                digest = hashlib.blake2b()
                while chunk := content.read(CHUNK_BYTES):
                    digest.update(chunk)
                    ctx.stop_if_cancelled()
                found[header.name] = digest.digest()
    if found != digests:
        raise RuntimeError("the archive does not read back as it was written")


class _All:
    """Writes all that it is given, to what may write less at a time."""

    def __init__(self, write: Callable[[bytes], int]) -> None:
        self._write = write

    def write(self, content: bytes) -> int:
        rest = memoryview(content)
        while rest:
            rest = rest[self._write(bytes(rest)) :]
        return len(content)


class _Digested:
    """Content whose digest is kept while it is read."""

    def __init__(self, content: Content) -> None:
        self._content, self._digest = content, hashlib.blake2b()

    def read(self, length: int) -> bytes:
        chunk = self._content.read(length)
        self._digest.update(chunk)
        return chunk

    def digest(self) -> bytes:
        return self._digest.digest()

    def close(self) -> None:
        self._content.close()
