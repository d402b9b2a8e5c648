"""The tools of the system that a site's work is measured beside."""

import os
import subprocess
import sys
import time
from pathlib import Path

WALK = """
import os, sys
for folder, folders, files in os.walk(sys.argv[1]):
    for name in (*folders, *files):
        os.lstat(os.path.join(folder, name))
"""


def find(tree: Path) -> float:
    """Seconds of ``find`` that says kind, size and path of all there is."""
    return _timed(["find", str(tree), "-printf", r"%y %s %p\n"])


def walk(tree: Path) -> float:
    """Seconds of ``os.walk`` and an ``lstat`` of everything, in one Python process."""
    return _timed([sys.executable, "-ISs", "-c", WALK, str(tree)])


def sha256sum(tree: Path) -> float:
    """Seconds of ``sha256sum`` over all files, fifty at a time in two processes."""
    return _timed(["sh", "-c", 'find "$1" -type f -print0 | xargs -0 -P2 -n 50 sha256sum', "sh", str(tree)])


def _timed(command: list[str]) -> float:
    began = time.monotonic()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=os.environ | {"LC_ALL": "C"})
    return time.monotonic() - began
