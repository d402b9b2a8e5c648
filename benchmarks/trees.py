"""Trees of files, made to be walked and read."""

import os
import random
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

from orchestrator.stack.scratch import stage

MIB = 1024 * 1024
A_FOLDER = 1_000
"""Files in one folder."""
FILLED = 10
"""One in so many files has something in it: a block of the disk each."""


@contextmanager
def many_files(count: int) -> Generator[Path]:
    """A tree of so many small files, most of them empty, a thousand a folder; removed at the end."""
    with stage("bench-tree") as made:
        for begin in range(0, count, A_FOLDER):
            folder = made.files / f"{begin // A_FOLDER:04d}"
            folder.mkdir()
            for number in range(min(A_FOLDER, count - begin)):
                with open(folder / f"{number:04d}.dat", "wb", buffering=0) as file:
                    if number % FILLED == 0:
                        file.write(b"%d\n" % number)
        yield made.files


@contextmanager
def mixed_sizes(total: int) -> Generator[Path]:
    """A tree with so many bytes in files from 4 KiB to 256 MiB; removed at the end.

    By size, a half is in files of 16 MiB and more: what is large is few, as it is with people's files.
    """
    with stage("bench-tree") as made:
        block = random.Random(4).randbytes(MIB)
        for number, size in enumerate(sizes(total)):
            folder = made.files / f"{number // A_FOLDER:04d}"
            folder.mkdir(exist_ok=True)
            with (folder / f"{number % A_FOLDER:04d}.dat").open("wb") as file:
                for begin in range(0, size, MIB):
                    file.write(block[: min(MIB, size - begin)])
        yield made.files


def sizes(total: int) -> Sequence[int]:
    """Bytes of each file, shuffled in the same way every time; together as many as asked for."""
    left, found = total, list[int]()
    for each, share in ((256 * MIB, 0.25), (16 * MIB, 0.25), (MIB, 0.25), (64 * 1024, 0.2), (4096, 0.05)):
        count = int(total * share / each)
        found += [each] * count
        left -= each * count
    random.Random(4).shuffle(found)
    return [*found, left] if left else found


def bytes_in(folder: Path) -> int:
    """What lies in all files below."""
    return sum(os.lstat(os.path.join(top, name)).st_size for top, _, names in os.walk(folder) for name in names)
