"""Stores: what has a URL instead of a folder (object stores and the like), reached through fsspec.

A site's file names the URLs that may be touched, as it names its roots; nothing beside them is. A path of a store is
the URL of one of its objects, as it is: nothing in it is encoded. fsspec, and what it needs for a protocol, are
installed by those who have stores (``orchestrator[s3]``).
"""

import io
import os
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, BinaryIO, NamedTuple, cast

from workers.outside import OutsideRoots
from workers.store_entry import StoreEntry
from workers.store_pages import pages

_WITH_FOLDERS = frozenset({"ftp", "hdfs", "memory", "sftp", "smb", "ssh"})
"""Where a folder has to be made before something is put into it."""
_ALWAYS = {"use_listings_cache": False, "skip_instance_cache": True}
"""For every file system: what it saw a while ago says nothing, and each process has its own."""


class StoreMissing(OSError):
    """What is needed to reach a store is not installed at this site."""


class Entry(NamedTuple):
    """An object, or what stands for a folder."""

    path: bytes
    """Its URL."""
    kind: str
    """``f`` or ``d``, as in ``orchestrator.contracts.paths.KINDS``."""
    size: int | None
    """Bytes."""
    mtime_ns: int | None
    """Since 1970; None where the store does not say."""
    tag: str | None = None
    """What changes with the content, and is the same for the same content in most stores (S3's ETag); None where the
    store has none."""


@dataclass(frozen=True, slots=True)
class _Place:
    """An object's place: in which store, and under which name fsspec knows it."""

    entry: StoreEntry
    fs: Any
    root: str
    """The store's own URL, as fsspec names it."""
    name: str

    def seen(self, info: dict[str, Any]) -> Entry:
        """What fsspec says of an object of the same store."""
        url = self.entry.url.rstrip("/") + "/" + str(info["name"])[len(self.root) :].lstrip("/")
        kind = "d" if info.get("type") == "directory" else "f"
        return Entry(url.encode(), kind, info.get("size"), _mtime_ns(info), _tag(info))


class Stores:
    """The stores of a site. Paths are bytes.

    Everything here raises OutsideRoots for what is in no store or may not be written to, FileNotFoundError and other
    OSErrors as file systems do, and what the protocol's own library raises where it has no such word.
    """

    def __init__(self, entries: Iterable[StoreEntry] = ()) -> None:
        self.entries = tuple(sorted(entries, key=lambda entry: len(entry.url), reverse=True))
        self._connected: dict[tuple[int, str], Any] = {}

    def open(self, path: bytes) -> BinaryIO:
        """An object, for reading."""
        at = self._place(path)
        return at.fs.open(at.name, "rb")

    def open_lines(self, path: bytes) -> BinaryIO:
        """An object, for reading by lines: fsspec's own files can not read one of bounded length."""
        return io.BufferedReader(cast(io.RawIOBase, self.open(path)))

    @contextmanager
    def write(self, path: bytes) -> Generator[BinaryIO, None, None]:
        """Write an object: it is there, whole, when the block has ended well, and else what was there before.

        So it is with every store but ``memory``, which is for trying things out.
        """
        at = self._place(path, write=True)
        if at.entry.scheme in _WITH_FOLDERS:
            at.fs.makedirs(at.name.rpartition("/")[0], exist_ok=True)
        file = at.fs.open(at.name, "wb", autocommit=False)
        try:
            yield file
            file.close()
        except BaseException:
            file.discard()
            if at.entry.scheme != "memory":
                file.closed = True  # or its end would flush what there is no more
            raise
        file.commit()

    def info(self, path: bytes) -> Entry:
        """What is there; FileNotFoundError when nothing is."""
        at = self._place(path)
        return at.seen(at.fs.info(at.name))

    def copy(self, path: bytes, to: bytes) -> None:
        """Copy an object within one store, over what is there; the store does it by itself where it can."""
        source, target = self._place(path), self._place(to, write=True)
        if source.fs is not target.fs:
            raise ValueError("the two are in different stores")
        source.fs.cp_file(source.name, target.name)

    def delete(self, path: bytes) -> None:
        """Remove an object; FileNotFoundError when there is none."""
        at = self._place(path, write=True)
        at.fs.info(at.name)  # many stores do not say that there was nothing
        at.fs.rm_file(at.name)

    def list(self, path: bytes, after: bytes = b"") -> Iterator[list[Entry]]:
        """All objects below a URL, page by page, in the order of their names; those after one of them, if given.

        A URL that is an object is that object. FileNotFoundError when nothing is there at all.
        """
        at = self._place(path)
        begin = self._place(after).name if after else ""
        found = bool(begin)
        for page in pages(at.fs, at.entry.scheme, at.name, begin):
            found = True
            yield [at.seen(info) for info in page]
        if not found and at.name != at.root:
            one = at.seen(at.fs.info(at.name))
            if one.kind == "f":
                yield [one]

    def contains(self, path: bytes) -> bool:
        """Whether a URL is in one of the stores."""
        try:
            self._entry_of(path)
        except OutsideRoots:
            return False
        return True

    def check(self) -> Iterator[str]:
        """What is wrong with the stores, if anything: each is reached once."""
        for entry in self.entries:
            try:
                at = self._place(entry.url.encode())
                next(iter(pages(at.fs, entry.scheme, at.name, "")), None)
            except Exception as error:  # noqa: BLE001 - every library has errors of its own
                yield f"{entry.url}: {type(error).__name__}: {error}"

    def _entry_of(self, path: bytes) -> StoreEntry:
        for entry in self.entries:
            url = entry.url.rstrip("/").encode()
            if path.rstrip(b"/") == url or path.startswith(url + b"/"):
                if any(part in (b".", b"..") for part in path[len(url) :].split(b"/")):
                    raise OutsideRoots(path, "a path in a store has no . or ..")
                return entry
        shown = ", ".join(entry.url for entry in self.entries) or "it has none"
        raise OutsideRoots(path, f"is outside the stores of this site ({shown})")

    def _place(self, path: bytes, *, write: bool = False) -> _Place:
        entry = self._entry_of(path)
        if write and entry.read_only:
            raise OutsideRoots(path, f"the store {entry.url} is read only at this site")
        try:
            url = path.decode()
        except UnicodeDecodeError:
            raise OutsideRoots(path, "is not UTF-8, as the path of an object has to be") from None
        fs = self._connect(entry)
        root = str(fs._strip_protocol(entry.url)).rstrip("/")  # noqa: SLF001 - fsspec has no other word for it
        return _Place(entry, fs, root, root + url[len(entry.url.rstrip("/")) :])

    def _connect(self, entry: StoreEntry) -> Any:
        key = os.getpid(), entry.url
        if (fs := self._connected.get(key)) is None:
            try:
                import fsspec  # noqa: PLC0415  # only who has stores has it

                fs: Any = fsspec.filesystem(entry.scheme, **entry.all_options(), **_ALWAYS)  # pyright: ignore[reportUnknownMemberType]
            except ImportError as error:
                raise StoreMissing(
                    f"{entry.url} can not be reached: {error}; install orchestrator[s3], or what fsspec needs for "
                    f"{entry.scheme}, at this site"
                ) from error
            self._connected[key] = fs
        return fs


def _mtime_ns(info: dict[str, Any]) -> int | None:
    said = info.get("LastModified") or info.get("mtime") or info.get("last_modified") or info.get("created")
    if isinstance(said, datetime):
        return int(said.timestamp() * 1e9)
    return int(said * 1e9) if isinstance(said, int | float) else None


def _tag(info: dict[str, Any]) -> str | None:
    said = info.get("ETag") or info.get("md5Hash") or info.get("etag")
    return said.strip('"') if isinstance(said, str) else None
