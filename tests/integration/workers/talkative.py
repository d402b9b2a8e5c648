"""Actions that say much of themselves, and one that leaves something behind."""

import logging
import subprocess
import sys

from workers import Context, Path, action


@action("talkative")
def talkative(ctx: Context, paths: list[Path]) -> None:
    """Log in every way that there is."""
    for path in ctx.each(paths):
        with ctx.outcome(path):
            ctx.progress(0.25, "a quarter")
            ctx.log.info("by the context")
            logging.getLogger("some.library").warning("by a library")
            print("by print")  # noqa: T201
            print("by standard error", file=sys.stderr)  # noqa: T201
            subprocess.run(["echo", "by another process"], check=True)
    logging.getLogger("some.library").info("at the end")


@action("leaves")
def leaves(ctx: Context, paths: list[Path], *, note: str) -> None:
    """Run a program that kills the process that runs it, and leaves another one behind."""
    ctx.run(["sh", "-c", 'sleep 600 & echo $! > "$1"; kill -9 $PPID; wait', "sh", note])
    ctx.done(*paths)
