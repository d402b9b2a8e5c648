"""Actions for putting a stack through faults: they say which path they run, and do what no action should."""

import os
import signal
import time
from pathlib import Path as File

from workers import Context, Path, action


@action("fault.note")
def note(ctx: Context, paths: list[Path], *, notes: str, seconds: float = 0.0) -> None:
    """Work on each path for so long, then say so: a line of a file, which appending keeps whole."""
    for path in ctx.each(paths):
        time.sleep(seconds)
        _write(ctx, path, notes)
        ctx.done(path)


@action("fault.harm")
def harm(ctx: Context, paths: list[Path], *, notes: str, how: str, match: str = "poison") -> None:
    """Work on each path; one whose name has ``match`` in it does harm."""
    for path in ctx.each(paths):
        with ctx.outcome(path):
            if match in os.path.basename(path.path):
                _do_harm(how)
            _write(ctx, path, notes)


def _do_harm(how: str) -> None:
    match how:
        case "kills":
            os.kill(os.getpid(), signal.SIGKILL)
        case "eats":
            # Bounded by this process's own limit: the machine keeps its memory.
            eaten: list[bytearray] = []
            while True:
                eaten.append(bytearray(16 * 1024 * 1024))
        case "hangs":
            # Deaf to the timer of its time limit: only its parent can end it.
            signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
            while True:
                signal.pause()
        case _:
            raise ValueError(how)


def _write(ctx: Context, path: Path, notes: str) -> None:
    line = f"{ctx.step} {ctx.task} {ctx.attempt} {os.getpid()} {os.path.basename(path.path)}\n"
    with File(notes).open("ab", buffering=0) as file:
        file.write(line.encode())
