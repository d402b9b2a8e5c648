"""What a walker that looks for changes says of a folder: what is in it now. The hub knows what was (compare.py)."""

import msgspec

from orchestrator.contracts.paths import deflate, inflate

Stamp = tuple[int, int, int]
"""Inode, bytes, and when it was modified in nanoseconds since 1970: where all three agree, it is the same file.

Of an object, a number made of its tag stands for the inode, and no time; 0 stands for an inode that is not known.
"""


class Sighting(msgspec.Struct, array_like=True):
    """Some of a folder's names, in bytewise order."""

    base: bytes
    """The starting path under which the folder was found: each has a memory of its own."""
    folder: bytes
    """With its slash at the end. A store has no folders: there it is the base, and names have slashes in them."""
    names: list[bytes]
    kinds: str
    """A letter of ``orchestrator.contracts.paths.KINDS`` each."""
    stamps: list[Stamp]
    after: bytes = b""
    upto: bytes | None = None
    """It speaks of the names after one, up to and with another (None: all there are), and of no others."""
    whole: bool = True
    """What is not named is not there; else nobody knows, since the folder could not be read to its end."""


def pack_sightings(sightings: list[Sighting]) -> bytes | None:
    """The sent form, None for none."""
    return deflate(sightings) if sightings else None


def unpack_sightings(blob: bytes) -> list[Sighting]:
    """The list again; WireError when it is none."""
    return inflate(blob, list[Sighting])
