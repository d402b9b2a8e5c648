"""Trees of files with names of every kind, and running an action over them."""

import os
from typing import Any

from workers.testing import Result, run_action

HOSTILE = [
    b"plain.tif",
    b"two words",
    b"new\nline",
    b"quo'te\"s",
    b"$(reboot);`id`",
    b"-rf",
    b"back\\slash",
    "\N{GRINNING FACE}".encode(),
    b"\xff\xfe\x80",
    b"=cmd()",
]
LONGEST = b"n" * 255


def write(path: bytes, content: bytes, time: int | None = None) -> bytes:
    """Write a file, with the folders above it; ``time`` is its mtime in ns."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(content)
    if time is not None:
        os.utime(path, ns=(time, time))
    return path


def read(path: bytes) -> bytes:
    """What is in a file."""
    with open(path, "rb") as file:
        return file.read()


def tree(folder: bytes) -> dict[bytes, bytes | None]:
    """Everything below a folder: files with what is in them, links with where they point, folders with None."""
    found: dict[bytes, bytes | None] = {}
    for where, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = os.path.join(where, name)
            place = path[len(folder) + 1 :]
            if os.path.islink(path):
                found[place] = b"-> " + os.readlink(path)
            else:
                found[place] = None if os.path.isdir(path) else read(path)
    return found


def run(action: str, paths: list[bytes], root: bytes, **options: Any) -> Result:
    """Run a built-in action over paths that were found below ``root/src``."""
    given: dict[str, Any] = {"roots": [root], "base": root + b"/src", **options}
    return run_action(action, paths, **given)
