"""A tree of files that changes between two looks at it, in all the ways in which trees do."""

import os
import random
import shutil
import subprocess
from pathlib import Path

from workers.actions.part import PREFIX

NAMES = ["plain", "two words", "-rf", "new\nline", "\N{GRINNING FACE}", "quo'te\"s", "$(reboot)", "\udcff\udcfe"]


def grow(tree: Path, files: int, *, size: int = 64, per_folder: int = 50) -> None:
    """Make files in folders, some of them deep, with names of every kind, and a link."""
    for number in range(files):
        folder = tree / f"{NAMES[number // per_folder % len(NAMES)]} {number // per_folder}" / f"deep {number % 3}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{NAMES[number % len(NAMES)]} {number}").write_bytes(_content(number, size))
    (tree / "empty").mkdir()
    (tree / "link").symlink_to("empty")
    for number in range(4):
        (tree / f"log.{number}").write_bytes(_content(number, size))


def change(tree: Path, seed: int, *, size: int = 64) -> None:
    """Create, modify, rename and delete about a tenth each; move a folder and delete one; rotate, swap and replace."""
    chance = random.Random(seed)
    every = sorted(path for path in tree.rglob("*") if path.is_file() and not path.is_symlink())
    some = chance.sample([path for path in every if not path.name.startswith("log.")], max(8, len(every) // 3))
    for number, path in enumerate(some):
        match number % 4:
            case 0:
                path.write_bytes(_content(seed * 1000 + number, size + 1))
            case 1:
                path.rename(path.with_name(f"renamed {seed} {number}"))
            case 2:
                path.unlink()
            case _:
                path.with_name(f"created {seed} {number}").write_bytes(_content(seed + number, size))
    folders = sorted(
        path for path in tree.iterdir() if path.is_dir() and not path.is_symlink() and path.name != "empty"
    )
    folders[0].rename(tree / f"moved {seed}")
    shutil.rmtree(folders[1])
    for number in (3, 2, 1, 0):
        (tree / f"log.{number}").replace(tree / f"log.{number + 1}")
    (tree / "log.0").write_bytes(_content(seed, size))
    _swap(tree / "log.1", tree / "log.2")
    _replace_by_folder(tree / "turning", size)
    os.utime(tree / "log.0", ns=(10**18 + seed, 10**18 + seed))


def differences(tree: Path, mirror: Path) -> str:
    """What ``diff -r`` says, links as themselves."""
    done = subprocess.run(
        ["diff", "-r", "--no-dereference", tree, mirror], capture_output=True, text=True, errors="replace", check=False
    )
    return done.stdout + done.stderr


def whole_files(mirror: Path) -> list[Path]:
    """The files that have their names, and not yet those of a copy under way."""
    return [path for path in mirror.rglob("*") if path.is_file() and not path.name.startswith(os.fsdecode(PREFIX))]


def _content(number: int, size: int) -> bytes:
    return random.Random(number).randbytes(size)


def _swap(one: Path, other: Path) -> None:
    passing = one.with_name("passing")
    one.rename(passing)
    other.rename(one)
    passing.rename(other)


def _replace_by_folder(path: Path, size: int) -> None:
    """A file where there was a folder, and a folder where there was a file."""
    if path.is_dir():
        shutil.rmtree(path)
        path.write_bytes(_content(1, size))
    else:
        path.unlink(missing_ok=True)
        path.mkdir()
        (path / "inner").write_bytes(_content(2, size))
