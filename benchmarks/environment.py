"""The environment of a peer: its own packages, pinned, in a folder of its own that git does not see."""

import subprocess
import sys
from pathlib import Path

from benchmarks.machine import ROOT

CACHE = ROOT / ".bench"
REQUIREMENTS = Path(__file__).parent / "requirements"


class NotInstalled(Exception):
    """A peer can not be had here; the reason is the installer's."""


def python_of(peer: str) -> Path:
    """The interpreter of the peer's environment, which is made unless it is there as its requirements are now."""
    folder, wanted = CACHE / peer, (REQUIREMENTS / f"{peer}.txt").read_text()
    python, stamp = folder / "bin" / "python", folder / "installed.txt"
    if stamp.exists() and stamp.read_text() == wanted:
        return python
    _run([sys.executable, "-m", "venv", "--clear", str(folder)])
    _run([str(python), "-m", "pip", "install", "--quiet", "--requirement", str(REQUIREMENTS / f"{peer}.txt")])
    stamp.write_text(wanted)
    return python


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        last = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()][-1:]
        raise NotInstalled(f"not installed: {last[0] if last else 'the installer said nothing'}")


if __name__ == "__main__":
    sys.stdout.write(f"{python_of(sys.argv[1])}\n")
