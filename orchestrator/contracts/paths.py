"""Lists of paths as they are stored and sent (columns, MessagePack, mostly deflated), and sets of indices (bitmaps).

A path is bytes here and everywhere inside; text only at the edge.
"""

import re
import zlib
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

import msgspec

from orchestrator.errors import WireError

T = TypeVar("T")

KINDS = {"file": "f", "directory": "d", "symlink": "l", "other": "o", "unknown": "?"}
"""What a path is, as one letter; ``unknown`` where nobody could or may look."""

MAX_PLAIN_BYTES = 64 * 1024 * 1024
"""What a packed list may inflate to: a bound on what a few forged kilobytes can cost."""

_URL = re.compile(rb"[a-z][a-z0-9+.-]*://")
_SHORT_BYTES = 512
_DEFLATED = zlib.compress(b"")[:1]
"""What zlib begins with; no list in MessagePack does."""


class PathList(msgspec.Struct, array_like=True, omit_defaults=True):
    """Paths found together, in columns of one length; a column that says nothing is empty."""

    paths: list[bytes]
    kinds: str = ""
    """One letter of KINDS a path."""
    states: list[str | None] = []
    """What discovery says happened to each (created, modified ...)."""
    sizes: list[int | None] = []
    """Bytes."""
    base: bytes = b""
    """The starting path under which they were found: what a copy keeps of the tree is relative to it."""
    stamps: list[tuple[int, int, int]] = []
    """Of changes: each one's inode, bytes, and when it was modified (ns), as they were seen."""
    moved_from: list[bytes | None] = []
    """Of changes: where each was before."""

    def __len__(self) -> int:
        return len(self.paths)


def path_list(
    paths: list[bytes], kinds: str, states: list[str | None], sizes: list[int | None], base: bytes = b""
) -> PathList:
    """A list of full columns; those that say nothing are left out."""
    return PathList(
        paths,
        kinds if kinds.strip("?") else "",
        states if any(states) else [],
        sizes if any(size is not None for size in sizes) else [],
        base,
    )


def is_url(path: bytes) -> bool:
    """Whether a path is one of a store, and none of the file system."""
    return _URL.match(path) is not None


def pack(paths: PathList) -> bytes:
    """The stored and sent form."""
    return deflate(paths)


def unpack(blob: bytes) -> PathList:
    """The list again; WireError when it is not one, or inflates to more than MAX_PLAIN_BYTES."""
    return inflate(blob, PathList)


class Carry(msgspec.Struct, array_like=True, omit_defaults=True):
    """What travels down a chain with the paths, by index in the batch: new names, and notes."""

    renamed: dict[int, bytes] = {}
    notes: dict[int, dict[str, Any]] = {}

    def __bool__(self) -> bool:
        return bool(self.renamed or self.notes)


def pack_carry(carry: Carry) -> bytes | None:
    """The stored and sent form, None for nothing."""
    return deflate(carry) if carry else None


def unpack_carry(blob: bytes | None) -> Carry:
    """What came along, maybe nothing."""
    return inflate(blob, Carry) if blob else Carry()


def merge_carries(before: bytes, after: bytes) -> bytes:
    """Both together; where they speak of the same path, what was said last."""
    first, second = unpack_carry(before), unpack_carry(after)
    merged = Carry(first.renamed | second.renamed, first.notes | second.notes)
    return pack_carry(merged) or after


def deflate(columns: object) -> bytes:
    """Encode, and deflate what is not short: setting up to deflate costs more than all else about a batch of one."""
    plain = msgspec.msgpack.encode(columns)
    return plain if len(plain) <= _SHORT_BYTES else zlib.compress(plain, 1)


def inflate(blob: bytes, kind: type[T]) -> T:
    """Inflate what is deflated, and decode, bounded."""
    try:
        if blob[:1] != _DEFLATED:
            return msgspec.msgpack.decode(blob, type=kind)
        inflater = zlib.decompressobj()
        plain = inflater.decompress(blob, MAX_PLAIN_BYTES)
        if not inflater.eof:
            raise WireError(f"a {_name(kind)} that is cut short or inflates to more than {MAX_PLAIN_BYTES} bytes")
        return msgspec.msgpack.decode(plain, type=kind)
    except (zlib.error, msgspec.DecodeError) as error:
        raise WireError(f"not a {_name(kind)}: {error}") from error


def _name(kind: object) -> str:
    return getattr(kind, "__name__", str(kind))


# Sets of indices. None stands for "all of them", which is the common case and costs nothing.


def bitmap(indices: Iterable[int], length: int) -> bytes | None:
    """The set as bits, lowest first; None when it is all of ``length``."""
    bits = 0
    for index in indices:
        bits |= 1 << index
    return None if bits == (1 << length) - 1 else bits.to_bytes((length + 7) // 8, "little")


def number(bits: bytes | None, length: int) -> int:
    """The set as a number, bit by bit."""
    return (1 << length) - 1 if bits is None else int.from_bytes(bits, "little")


def to_bits(number: int, length: int) -> bytes:
    """The set of a number, as bytes."""
    return number.to_bytes((length + 7) // 8, "little")


def indices(bits: bytes | None, length: int) -> Iterator[int]:
    """The indices in the set, ascending."""
    if bits is None:
        yield from range(length)
        return
    number = int.from_bytes(bits, "little")
    while number:
        lowest = number & -number
        yield lowest.bit_length() - 1
        number ^= lowest


def count(bits: bytes | None, length: int) -> int:
    """How many are in the set."""
    return length if bits is None else int.from_bytes(bits, "little").bit_count()
