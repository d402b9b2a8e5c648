"""Read the paths a job starts from: arguments, or a list in a file; relative ones are made absolute here."""

import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from orchestrator.cli.verb import usage


def read_starts(arguments: Iterable[str], listed: Path | None, *, nul: bool, walked: bool) -> Iterator[bytes]:
    """Every path, as the bytes it was given in.

    ``listed`` is a file of more (``-``: standard input), a line each, or each ended by NUL.

    A relative path is made absolute, seen from the current folder, when it names something here or when it is to be
    ``walked``; a URL, or a name that only the site knows, stays as it is.
    """
    for argument in arguments:
        yield absolute(os.fsencode(argument), walked=walked)
    if listed is None:
        return
    if str(listed) == "-":
        yield from _entries(sys.stdin.buffer, nul, walked)
        return
    try:
        with listed.open("rb") as file:
            yield from _entries(file, nul, walked)
    except OSError as error:
        raise usage(f"--paths-from {listed}: {error.strerror}") from None


def _entries(file: BinaryIO, nul: bool, walked: bool) -> Iterator[bytes]:
    entries = file.read().split(b"\0") if nul else (line.removesuffix(b"\n") for line in file)
    for entry in entries:
        if entry:
            yield absolute(entry, walked=walked)


def absolute(path: bytes, *, walked: bool) -> bytes:
    """The path from the root, links in it left as they are."""
    if os.path.isabs(path) or b"://" in path or not path:
        return path
    if not walked and not os.path.lexists(path):
        return path
    joined = os.path.join(os.getcwdb(), path)
    plain = os.path.normpath(joined)
    # Past a link, `..` is not the folder before it: nobody can say which of the two was meant.
    if b".." in path.split(b"/") and os.path.realpath(joined) != os.path.realpath(plain):
        raise usage(f"{os.fsdecode(path)!r}: `..` after a link; give the path without it")
    return plain
