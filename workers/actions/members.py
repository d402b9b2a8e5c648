"""What goes into an archive: a path as a member of it, and its content, of the length that was promised."""

import os
import stat
import tarfile
from dataclasses import dataclass
from typing import BinaryIO

from orchestrator.contracts.paths import is_url
from workers.actions.objects import entry
from workers.actions.source import look, open_source, refuse, say_gone
from workers.actions.tree import place_in_tree
from workers.context import Context, reason_of
from workers.path import Path

_SECOND = 10**9


class Unreadable(Exception):
    """The content of a path could not be read to its end, or is not what it was."""

    def __init__(self, path: Path, reason: str, error_class: str) -> None:
        super().__init__(reason)
        self.path, self.reason, self.error_class = path, reason, error_class


@dataclass(frozen=True, slots=True)
class Member:
    """A path in an archive."""

    path: Path
    name: bytes
    """In the archive."""
    header: tarfile.TarInfo


def member_of(ctx: Context, path: Path) -> Member | None:
    """The member that a path becomes; None when it can be none, which has been said."""
    name = _name(path)
    header = tarfile.TarInfo(os.fsdecode(name))
    if is_url(path.raw):
        found = entry(ctx, path.raw)
        if found is None:
            say_gone(ctx, path)
            return None
        if found.kind != "f":
            refuse(ctx, path, stat.S_IFDIR)
            return None
        header.size, header.mode = found.size or 0, 0o644
        _set_time(header, found.mtime_ns or 0)
        return Member(path, name, header)
    status = look(ctx, path)
    if status is None:
        return None
    if stat.S_ISREG(status.st_mode):
        header.size = status.st_size
    elif stat.S_ISDIR(status.st_mode):
        header.type = tarfile.DIRTYPE
    elif stat.S_ISLNK(status.st_mode):
        header.type, header.linkname = tarfile.SYMTYPE, os.fsdecode(ctx.roots.readlink(path.raw))
    else:
        refuse(ctx, path, status.st_mode)
        return None
    header.mode, header.uid, header.gid = stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid
    _set_time(header, status.st_mtime_ns)
    return Member(path, name, header)


class Content:
    """A member's content, as ``tarfile`` reads it; raises Unreadable when it is not what its header says."""

    def __init__(self, ctx: Context, member: Member) -> None:
        self._ctx, self._path, self._left = ctx, member.path, member.header.size
        self._file = self._opened(member)

    def read(self, length: int) -> bytes:
        """The next bytes, as many as are asked for until the end."""
        self._ctx.stop_if_cancelled()
        wanted, read = min(length, self._left), bytearray()
        while len(read) < wanted:
            some = self._some(wanted - len(read))
            if not some:
                raise Unreadable(self._path, "it became shorter while it was read", "Changed")
            read += some
        self._left -= len(read)
        return bytes(read)

    def close(self) -> None:
        """Close it, when all has been read and nothing more is there."""
        try:
            if self._left == 0 and self._some(1):
                raise Unreadable(self._path, "it became longer while it was read", "Changed")
        finally:
            self._file.close()

    def _opened(self, member: Member) -> BinaryIO:
        try:
            # An object has just been looked at; each look is a question to its store.
            url = is_url(member.path.raw)
            file = self._ctx.roots.stores.open(member.path.raw) if url else open_source(self._ctx, member.path)
        except Exception as error:
            raise self._unreadable(error) from error
        if file is None:
            raise Unreadable(member.path, "no longer there", "FileNotFoundError")
        return file

    def _some(self, length: int) -> bytes:
        try:
            return self._file.read(length)
        except Exception as error:
            raise self._unreadable(error) from error

    def _unreadable(self, error: Exception) -> Unreadable:
        return Unreadable(self._path, reason_of(error, self._path), type(error).__name__)


def _name(path: Path) -> bytes:
    """Its place in the tree; all of it, without its leading slash, when it was given as it is."""
    if path.base:
        return place_in_tree(path)
    whole = path.raw.partition(b"://")[2] if is_url(path.raw) else path.raw
    parts = [part for part in whole.split(b"/") if part not in (b"", b".")]
    if not parts or b".." in parts:
        raise ValueError("it has no place in an archive")
    return b"/".join(parts)


def _set_time(header: tarfile.TarInfo, mtime_ns: int) -> None:
    header.mtime = mtime_ns // _SECOND
    if mtime_ns % _SECOND:
        header.pax_headers = {"mtime": f"{header.mtime}.{mtime_ns % _SECOND:09d}"}
