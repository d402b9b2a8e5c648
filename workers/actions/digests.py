"""Digests: computing them, and reading what files of them say, in the formats of ``sha256sum`` and its kind."""

import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from typing import BinaryIO, Literal, NamedTuple

from workers.actions.source import chunks, exists
from workers.context import Context
from workers.path import Path

Algorithm = Literal["sha256", "sha512", "sha3_256", "blake2b", "blake2s", "sha1", "md5"]
ALGORITHMS: tuple[Algorithm, ...] = ("sha256", "sha512", "sha3_256", "blake2b", "blake2s", "sha1", "md5")
"""In the order in which they are looked for."""

LONGEST_LINE = 64 * 1024
_ENDINGS = frozenset(algorithm.encode() for algorithm in ALGORITHMS)
_BY_LENGTH: dict[int, Algorithm] = {128: "sha512", 64: "sha256", 40: "sha1", 32: "md5"}
_LINE = re.compile(rb"(\\?)([0-9A-Fa-f]{32,128})(?:[ \t][ *\t]?(.+))?", re.DOTALL)
_BSD = re.compile(rb"(\\?)([A-Za-z0-9_-]+) ?\((.+)\) ?= ?([0-9A-Fa-f]{32,128})", re.DOTALL)
_UNESCAPED = {b"\\n": b"\n", b"\\r": b"\r", b"\\\\": b"\\"}


class Digest(NamedTuple):
    """What a file is said to have."""

    algorithm: Algorithm
    hex: str
    name: bytes = b""
    """As it is written; empty when there is none."""


def digest_of(ctx: Context, file: BinaryIO, algorithm: str) -> str:
    """The digest of what can be read from a file, in hexadecimal."""
    digest = hashlib.new(algorithm, usedforsecurity=False)
    for chunk in chunks(ctx, file):
        digest.update(chunk)
    return digest.hexdigest()


def digests_in(lines: Iterable[bytes], algorithm: Algorithm | None) -> Iterator[Digest]:
    """What the lines of a manifest or a sidecar say; ValueError with the line's number for one that makes no sense.

    ``algorithm`` None: as the line says, or else by the length of the digest.
    """
    for number, line in enumerate(lines, 1):
        text = line.rstrip(b"\r\n")
        if len(line) > LONGEST_LINE:
            raise ValueError(f"line {number} is longer than {LONGEST_LINE} bytes")
        if not text.strip() or text.startswith(b"#"):
            continue
        found = _digest_in(text, algorithm)
        if found is None:
            raise ValueError(f"line {number} has no digest")
        yield found


def line_of(digest: str, name: bytes) -> bytes:
    """The line of a sidecar, as ``sha256sum`` writes it."""
    escaped = name.replace(b"\\", b"\\\\").replace(b"\n", b"\\n").replace(b"\r", b"\\r")
    return b"%s%s  %s\n" % (b"\\" if escaped != name else b"", digest.encode(), escaped)


def is_sidecar(ctx: Context, path: Path) -> bool:
    """Whether it is a file of the digest of another, which is there."""
    stem, dot, ending = path.raw.rpartition(b".")
    return bool(dot) and ending in _ENDINGS and exists(ctx, stem)


def algorithm_named(file_name: bytes) -> Algorithm | None:
    """The algorithm that the name of a manifest speaks of: ``SHA256SUMS``, ``manifest-sha512.txt``, ``all.md5``."""
    name = os.path.basename(file_name).lower().replace(b"-", b"").replace(b"_", b"")
    return next((algorithm for algorithm in ALGORITHMS if algorithm.replace("_", "").encode() in name), None)


def _digest_in(text: bytes, algorithm: Algorithm | None) -> Digest | None:
    if found := _LINE.fullmatch(text):
        escaped, hexadecimal, name = found[1], found[2], found[3] or b""
        named = algorithm or _BY_LENGTH.get(len(hexadecimal))
    elif found := _BSD.fullmatch(text):
        escaped, hexadecimal, name = found[1], found[4], found[3]
        named = algorithm_named(found[2])
    else:
        return None
    if named is None:
        return None
    plain = re.sub(rb"\\[nr\\]", lambda part: _UNESCAPED[part[0]], name) if escaped else name
    return Digest(named, hexadecimal.decode().lower(), plain)
